/* The lexicon. What people write when they want a decision, a plan, code, or a conversation.
 *
 * A new phrase goes where its deliverable is: a decision or document about structure to the architect; a
 * document about what, why, for whom and when to the pm; running code or a fix to the builder; several voices
 * to party-mode. */
#include "core/routing-lexicon.h"

#define NOBODY ROUTE_AGENTS_N

const LexiconGroup route_lexicon[] = {
        /* ---- architect ---- */
        {"architect-document", ROUTE_ARCHITECT, 3.2, true,
         "architecture decision record*, adr, adrs, architecture decision*, design doc*, "
         "technical design*, tech design, system design, solution design, high level design, hld, lld, "
         "low level design, threat model*, c4 diagram*, c4 model*, sequence diagram*, "
         "architecture diagram*, component diagram*, er diagram*, erd, entity relationship, "
         "target architecture, reference architecture, architecture review*, architecture overview, "
         "architecture proposal*, architecture doc*, technical spec*, tech spec*, technical proposal*, "
         "design review*, capacity plan*, technology radar, technical strategy, architecture assessment, "
         "architectural review, architectural runway, migration strateg*, migration path, migration plan, "
         "scaling strateg*, caching strateg*, branching strateg*, sharding strateg*, deployment strateg*, "
         "testing strateg*, security architecture, data architecture, solution architecture, "
         "software architecture, cloud architecture, disaster recovery plan, failover plan, "
         "interface contract*, api contract*, integration architecture, rfc"},
        {"architect-word", ROUTE_ARCHITECT, 2.2, true,
         "architecture*, architectural*, architect, architecting, architectur, blueprint*, trade off*, "
         "tradeoff*, data model*, datamodel, domain model*, domain driven, ddd, bounded context*, "
         "service boundar*, module boundar*, non functional, nonfunctional, nfr*, schema design, "
         "api design, database design, protocol design, tech stack, technology stack, technology choice*, "
         "build vs buy, build or buy, build versus buy, buy or build, make or buy, "
         "single point* of failure, consistency model*, cap theorem, eventual consistency, "
         "strong consistency, cqrs, event sourcing, event driven, hexagonal, saga pattern, "
         "outbox pattern, strangler, monolith*, microservice*, micro frontend*, service mesh, "
         "multi tenan*, multitenan*, tenancy, multi region*, active active, active passive, "
         "disaster recovery, rto, rpo, failover*, blast radius, zero trust, trust boundar*, "
         "attack surface, topology, scalab*, horizontal* scal*, scale horizontally, scale out, sharding, "
         "partitioning, back of envelope, back of the envelope, capacity, sizing, "
         "throughput requirement*, latency budget*, coupling, decoupl*, separation of concerns, layering, "
         "extensib*, maintainability, feasib*, proof of concept plan, vendor lock, lock in, "
         "total cost of ownership, tco, integration pattern*, data flow*, dataflow diagram*, "
         "messaging pattern*, state machine design, high availability, fault toleran*, resilien*, "
         "long term approach, technical debt assessment, design pattern*"},
        {"architect-question", ROUTE_ARCHITECT, 2.8, false,
         "how should/do/would/could/can/to we/i/you/one ~ structure/scale*/migrat*/organi*/split/"
         "partition/shard/model/secure/version/isolate/architect/design/decouple/layer/deploy/separate/"
         "modular*/store/replicate/distribute, "
         "how to structure/scale/migrate/organi*/split/partition/shard/model/secure/version/isolate/"
         "architect/decouple/modular*, how best to, "
         "best way to structure/scale/migrate/organi*/split/partition/shard/model/secure/version/isolate/"
         "share/sync/handle/store/design/deploy/integrate, right way to, best approach, right approach, "
         "recommended approach, which approach, what approach, approach for/to, strategy for/to, "
         "should we use/move/switch/adopt/split/go/migrate/stay/keep/choose/pick/introduce/self/run/host/"
         "put/store/cache/shard/rely/buy/own/merge/extract/break, "
         "does it make sense to use/move/switch/adopt/split/go/migrate/introduce, "
         "is it worth moving/switching/splitting/migrating/adopting/introducing, "
         "which database/framework/queue/broker/language/library/stack/protocol/cloud/provider/pattern/"
         "store/storage/engine/technology/orm/runtime/architecture/cache/vendor/platform, "
         "what database/framework/queue/broker/stack/protocol/pattern/storage/technology, "
         "what would it take to, what are the options/implications/risks/tradeoffs, what are our options, "
         "what happens if/when ~ goes/fails/dies/down, where should ~ live, where does ~ belong, "
         "pros and cons, pros cons, advantages and disadvantages, build our own or, own or buy, versus, vs"},
        {"architect-evaluate", ROUTE_ARCHITECT, 2.4, false,
         "evaluat* ~ option*/alternative*/approach*/technolog*/framework*/database*/vendor*/whether/"
         "architecture*, compare ~ with/vs/versus/against/and, comparison of/between, "
         "assess ~ impact/risk*/feasib*/whether/option*/architecture*/security/approach*, ^evaluate, "
         "^assess, ^compare, decide between, "
         "decide on ~ database/framework/protocol/format/stack/approach/strategy/pattern/technology/"
         "storage/queue, choose between, pick between, choosing between, "
         "recommend ~ approach/database/framework/stack/strategy/architecture/technolog*/pattern/option/"
         "solution, "
         "propose ~ approach/architecture/strategy/solution/structure/design/schema/model/option*, "
         "investigate whether/options/alternatives, explore option*/alternative*, weigh ~ option*, "
         "spike ~ on/into/for, ^spike, technical options, options analysis, decision matrix, "
         "document ~ decision*, document ~ architecture/design/dataflow*/system*, "
         "write up ~ approach/options/decision*"},
        {"architect-design", ROUTE_ARCHITECT, 2.6, false,
         "design ~ system/architecture/schema/platform/service/services/pipeline/protocol/strategy/layer/"
         "model/storage/database/infrastructure/topology/mechanism/subsystem/scheme/engine/backbone/"
         "approach/api/apis/contract*/boundar*/structure/backend/network/integration/solution/framework/"
         "process/hierarchy/sdk/runtime/cluster/registry/bus/gateway, ^design, ^architect, "
         "redesign ~ system/architecture/schema/platform/service/pipeline/protocol/layer/model/storage/"
         "database/infrastructure/backend, "
         "rethink ~ architecture/structure/approach/schema/pipeline/layer, re architect*, rearchitect*, "
         "define ~ architecture/boundar*/contract*/interfaces/datamodel/schema/protocol/layers/modules/"
         "slo*/sla*/standards/conventions, model ~ domain/entities/data, "
         "review ~ design/architecture/schema/approach/proposal/rfc/model/security/topology, "
         "sketch ~ architecture/system/design/approach/solution, draw ~ diagram/architecture, diagram, "
         "plan ~ migration/cutover/decomposition/capacity/scaling, "
         "map out ~ architecture/system*/dependencies/services/data, "
         "lay out ~ architecture/approach/options, split ~ monolith, break up ~ monolith, decompose, "
         "decomposition, strangle, untangle"},
        {"architect-concern", ROUTE_ARCHITECT, 1.1, false,
         "scale, scaling, scales, at scale, security review, security model, security posture, "
         "compliance, gdpr, hipaa, pci, soc2, soc 2, encryption at rest, key management, audit trail, "
         "data residency, retention policy, isolation, idempoten*, ordering guarantee*, exactly once, "
         "at least once, backpressure, back pressure, throughput, latency, availability, 99, sla, slo, "
         "consistency, replication, reliability, per second, requests per, concurrent users, "
         "million users, million rows, million devices, billion, terabyte*, petabyte*, region, regions, "
         "tenants, distributed, eventually, cost of running, offline first, long term, future proof, "
         "greenfield, legacy system, on prem, on premise*, hybrid cloud, vendor, vendors, self host*, "
         "kafka, kubernetes, event bus, message broker, message queue, data lake, lakehouse, warehouse, "
         "implications, constraints, principles, guidelines, standards, conventions, strategy, approach, "
         "options, alternatives"},
        {"architect-form", ROUTE_ARCHITECT, 1.5, true,
         "concept, concepts, design proposal*, technical concept*, target picture, target state, "
         "decision record*, invariant*, failure scenario*, failure mode*, abstractions, dependency map, "
         "dependency graph, module structure, package structure, folder structure, project structure, "
         "directory structure, code structure, boundaries, standard for, standardi*, versioning, "
         "cost model, push or pull, sync or async, sync vs async, batch or, or batch, streaming or, "
         "sql or nosql, or nosql, native or, or native, monorepo, polyrepo, second opinion, "
         "recommend one, recommendation, reasoned, rough numbers, better ways, how we get there, "
         "structurally, structural, structured, structure, design, designs, topologies, orchestrat*, "
         "single source of truth, source of truth, ownership of data, data ownership, responsibilit*, "
         "landscape, interplay, interaction between, contracts between, contract between, "
         "interface between, interfaces between, seams, big bang, step by step migration, "
         "incremental* migrat*, root cause in design, technically possible, technical option*, "
         "technical feasib*, technical due diligence, technical risk*, proof of concept, poc"},
        {"architect-no-code", ROUTE_ARCHITECT, 2.0, false,
         "nothing yet, no code, no coding, not code, before anyone writes code, before anyone codes, "
         "before we write code, before coding, before we start coding, before we build, before building, "
         "before implementing, dont code, dont implement, dont build, dont fix, "
         "how would you build/organi*/design/approach/solve/structure/lay/model, "
         "how would we build/organi*/approach/solve, tell me how"},
        {"architect-how", ROUTE_ARCHITECT, 1.2, false,
         "how do we, how can we, how should, how will we, how would, how could we, how are we, how best, "
         "where should, where do, where does, which parts, which abstractions, does it make sense, "
         "would it make sense, do we need, is it better, is it a good idea, would ~ help with, "
         "what pattern*, think about how, think through how, work out how, work out what, figure out how, "
         "explain how, explain what, explain why, understand how, what would we have to change, "
         "what would have to change, how far should we go, which ways, which way, what ways, candidates, "
         "speaks for and against, consistent way, how do we cut, look like instead, "
         "what should ~ system look, what should ~ look like technically, what kind of abstraction*, "
         "what is kept where, founded recommendation, tell me what youd do, what would you build, "
         "propose ~ model, proposal how, proposal for how"},

        /* ---- pm ---- */
        {"pm-document", ROUTE_PM, 3.2, true,
         "prd, prds, product requirement*, requirement* document, business requirement*, "
         "functional requirement*, user stor*, userstor*, acceptance criteria, acceptance criterion, "
         "roadmap*, road map*, backlog*, kpi, kpis, okr, okrs, north star, success metric*, "
         "success criteria, persona, personas, user research, user interview*, customer interview*, "
         "interview guide, interview questions, interview script, survey*, questionnaire*, "
         "market research, market analysis, competit*, competitor*, pricing, go to market, gtm, "
         "launch plan*, launch checklist, launch announcement, release plan*, release note*, "
         "release announcement*, rollout plan*, roll out plan*, rollout communication*, comms plan, "
         "communication plan, stakeholder*, mvp, out of scope, in scope, scope creep, scope of, "
         "scope document, epic, epics, milestone*, sprint plan*, sprint goal*, project plan*, "
         "project brief, product brief, product vision, vision statement, product strategy, "
         "feature spec*, functional spec*, business case*, value proposition*, user journey*, "
         "customer journey*, journey map*, use case*, one pager, onepager, jobs to be done, jtbd, "
         "story map*, rice, moscow, cost of delay, impact effort, impact vs effort, a b test plan, "
         "experiment plan, test plan for ~ beta, beta program*, beta feedback, pilot program*, "
         "status update*, status report*, steering, exec summary, executive summary, board update, "
         "investor update, quarterly plan*, quarterly review, weekly update, project charter, raci, "
         "definition of done, definition of ready, faq, positioning, messaging, elevator pitch, "
         "press release, opportunity assessment, opportunity sizing, problem statement, hypothes*, "
         "product discovery, target audience, target group, target segment*, buyer persona*, "
         "feature list, feature brief, feature proposal*, prioriti*, reprioriti*, deprioriti*, "
         "sunset plan, deprecation announcement, go no go"},
        {"pm-word", ROUTE_PM, 1.5, true,
         "requirements, requirement, stories, scope, scoping, descope, churn*, retention, conversion*, "
         "adoption, activation, nps, csat, funnel*, revenue, arr, mrr, roi, willingness to pay, monetiz*, "
         "monetis*, segment*, cohort*, engagement, customer feedback, user feedback, feedback from, "
         "support tickets, feature request*, customer request*, pain point*, user need*, customer need*, "
         "unmet need*, usability, customers want, users want, customers need, customers ask*, "
         "customers keep asking, customers complain*, users complain*, user group*, power users, "
         "deadline*, timeline*, estimate for, effort estimate*, time to market, launch date, ship date, "
         "release date, target date, business value, business goal*, business rule*, business process, "
         "objective*, goals, goal, initiative*, theme, themes, product manager*, product owner*, product, "
         "po, marketing, sales team, sales, customer success, legal sign off, q1, q2, q3, q4, h1, h2, "
         "quarter, next year, sprint, iteration, increment, metrics, measure success, success, announce*, "
         "announcement, changelog entry, blog post, newsletter, value, benefit*, outcome*, "
         "dependencies between teams, budget, headcount"},
        {"pm-question", ROUTE_PM, 2.6, false,
         "what should we build, what should we work, what should ~ be in, which features, "
         "which feature should, what features, who are ~ users, who is ~ for, who uses, who would use, "
         "who needs, why do ~ users/customers/people/merchants/patients, "
         "why are ~ users/customers/people, "
         "what do ~ users/customers/people/merchants want/need/think/expect/say, "
         "do users/customers actually/really/even, how do we measure, how will we measure, "
         "how would we measure, how do we know, what problem ~ solve/solving, what is ~ mvp, "
         "when can we ship/launch/release/announce, when should we launch/ship/release, what comes first, "
         "what goes first, what to build first, what to cut, what can we cut, what can we drop, "
         "worth building, what should we charge, how much should we charge, is there demand, "
         "what does success look like, what are ~ requirements, what needs to be in, must have*, "
         "nice to have*, should have could have, what is missing for ~ launch"},
        {"pm-action", ROUTE_PM, 2.2, false,
         "gather ~ requirements/feedback/input from, collect ~ requirements/feedback, "
         "clarify ~ requirements/scope, elicit*, specify ~ requirements/behavior/behaviour, "
         "interview ~ users/customers, talk to ~ users/customers, "
         "define ~ scope/goals/metrics/kpi*/persona*/success/mvp/requirements/criteria/feature*/audience/"
         "experience/journey/milestone*/timeline, break ~ down into ~ stories/tickets/epics/tasks, "
         "break down ~ epic/feature/initiative, split ~ into ~ stories/tickets/epics, groom*, "
         "refine ~ backlog/stories/tickets, turn ~ into ~ stories/tickets/prd/requirements/epics, "
         "write/draft/prepare/create ~ brief/prd/stories/story/requirements/announcement/epic/epics/"
         "persona*/survey/roadmap/vision, write ~ ticket/tickets for, create ~ ticket/tickets for, "
         "draft ~ announcement/email/communication/update/plan/message/summary, "
         "summari* ~ feedback/interviews/survey/reviews/requests/findings/tickets/research/progress/"
         "calls, synthesi* ~ feedback/interviews/research, "
         "analy* ~ feedback/churn/funnel/market/competitor*/survey/reviews/adoption/usage, "
         "size ~ opportunity/market, "
         "plan ~ release/launch/rollout/sprint/quarter/beta/roadmap/milestone*/q1/q2/q3/q4/pilot, "
         "rank ~ features/requests/ideas/backlog/items, order ~ backlog, "
         "validate ~ demand/idea/assumption*/hypothes*/problem, as a user, as a customer, as an admin i, "
         "as a manager i, so that i can, so that they can, given when then, "
         "document ~ requirements/business/feature for, map ~ journey/customer/user, "
         "benchmark ~ against competitor*, specification for ~ feature, "
         "describe ~ user/feature/behaviour/behavior/flow from, figure out what ~ users/customers/people, "
         "understand what/why ~ users/customers/people, find out what/why ~ users/customers/people"},
        {"pm-soft", ROUTE_PM, 1.2, false,
         "rollout*, roll out, launch*, go live, golive, spec, specs, specify, specification*, rules for, "
         "refund policy, market siz*, advisory board, communication to, communication with, communicate, "
         "app store description, copy for, press text, demo script, training plan, change management, "
         "staffing, owners, agenda, minutes, meeting notes, protocol into, free tier, paid tier, tiers, "
         "packaging, content plan, first release, price, prices, price increase, usability test*, "
         "user test*, business, for business, legal wants, sales promised, board wants, report to, "
         "what would make, who decides, how many customers, how many users, what can wait, "
         "what would users, what would customers, what do small, which customers, which users, "
         "edge cases, happy path, main flow, actors, deliverables, work package*, kickoff agenda, pilot, "
         "beta, trial users, trial, subscription, subscribers, audience, market, sunset*, end of life, "
         "usage numbers, usage data, analytics say, demand, expectations, wishes, complaints, "
         "satisfaction, motivat*, habits, behaviour of users, what must ~ be able to, what it must do, "
         "what service must do, for whom, what must, what tool would have to do, in their words, "
         "how they d accept, how theyd accept, works council, school board, steering, investors, board, "
         "what for whom, first version, first season, who is told when, what do they tell us, bets, "
         "estimate it, before anyone estimates"},

        /* ---- party-mode ---- */
        {"party-explicit", ROUTE_PARTY_MODE, 4.0, false,
         "brainstorm*, brain storm*, brainstrom*, retrospective*, retro, retros, party mode, party, "
         "roundtable, round table, multiple perspectives, different perspectives, several perspectives, "
         "various perspectives, all perspectives, every perspective, many perspectives, from all angles, "
         "every angle, all angles, all sides, both sides, different angles, multiple angles, "
         "different viewpoints, multiple viewpoints, points of view, point of view from, perspectives, "
         "viewpoints, debate, debating, debates, devils advocate, devil s advocate, six thinking hats, "
         "thinking hats, premortem*, pre mortem*, ideation, ideate, idea session, ideas session, "
         "workshop*, facilitate*, facilitation, moderate ~ discussion/session, fishbowl, lean coffee, "
         "world cafe, swot, blue sky, mind map*, mindmap*, design sprint, hackathon ideas, "
         "hackathon idea*, group discussion, team discussion, panel discussion, open discussion, panel, "
         "war game*, wargame*, tabletop, crazy ideas, wild ideas, fresh ideas, bounce ideas, throw ideas, "
         "throw around ideas, kick around, riff on, spitball*, jam on"},
        {"party-everybody", ROUTE_PARTY_MODE, 3.2, false,
         "with everyone, with everybody, with whole team, with team, with all agents, with entire team, "
         "with all of you, "
         "everyones/everybodys/teams/groups view*/opinion*/take*/input/thoughts/perspective*/ideas/"
         "feedback, team s view*, "
         "view/views/opinion/opinions/take/input/thoughts/perspective/perspectives/feedback/ideas of/"
         "from team/everyone/everybody/all/group/different/whole/each/architect/pm/several, hear from, "
         "hear what everyone, hear everyone*, hear all, get everyone*, get everybody*, ask everyone, "
         "ask everybody, what does everyone, what does everybody, what does team, what do you all, "
         "what do we all, what do you guys, what do folks, what would ~ architect and, "
         "what would ~ pm and, whole team, entire team, all agents, all the agents, all personas, "
         "each agent, every agent, each role, every role, each discipline, several agents, "
         "multiple agents, different roles, all roles, all together, together as a team, as a group, "
         "as a team, collectively, group session, joint session, cross functional, "
         "architect/pm/dev/designer/qa/ux/ops/security and architect/pm/dev/designer/qa/ux/ops/security, "
         "architect pm, pm architect, pm dev, architect dev, dev and ops, designer and developer, "
         "weigh in, chime in, bring together, bring in everyone, get ~ in a room, put ~ in a room, "
         "in one room, all in, everyone on same page, consensus, align on, find alignment, get aligned, "
         "argue, argue for, argue about, argument for and against, disagree*, disagreement, "
         "challenge ~ assumption*, poke holes, tear apart, tear ~ apart, "
         "stress test ~ idea/plan/proposal, critique ~ from, critique, red team, steelman*, opposing"},
        {"party-talk", ROUTE_PARTY_MODE, 1.7, false,
         "discuss*, discussion*, talk through, talk about, talk over, lets talk, chat about, "
         "think through together, think together, think out loud, thinking out loud, conversation about, "
         "opinions, opinion, thoughts on, thoughts about, any thoughts, ideas for, ideas on, ideas about, "
         "ideas how, ideas to, any ideas, idea for, some ideas, explore ideas, "
         "come up with ~ ideas/names, name ideas, names for, naming, what if, imagine, how might we, "
         "explore together, explore what, lessons learned, what went well, what went wrong, "
         "what did we learn, went well, team health, morale, vote on, voting, dot vote, poll, creative, "
         "inspiration, dream, vision for, big picture, where do we want, where are we going, "
         "where do we see, feeling*, vibe, reflect*, reflection"},
        {"party-soft", ROUTE_PARTY_MODE, 1.8, false,
         "sounding board, half baked, role play, roleplay, role playing, jam, jam session, reaction*, "
         "react to, would ~ say, sanity check from, camps, lovers and haters, moderate, fears, hopes, "
         "celebrate, offsite, off site, each of you, all of you, you all, yall, amongst yourselves, "
         "among yourselves, dialogue, dialogue between, conversation between, start stop continue, "
         "start stop and continue, stop start continue, ask me anything, hot take*, unpopular opinion*, "
         "thought experiment, no decision needed, no decision yet, invent, throw it around, chip in, "
         "let them talk, collect what each, open ended, free form, exploratory, go wide, go broad, "
         "no filter, anything goes, nothing concrete, vague idea, rough idea, wild, crazy, fun, "
         "other roles, roles, viewpoint, voices, everyone, everybody, everyones, common ground, "
         "compromise, middle ground, find something both, cant agree, can t agree, cannot agree, "
         "dont agree, disagree, nobody agrees, torn, torn about, torn between, on the fence, split on, "
         "team is split, sceptic*, skeptic*, optimist, pessimist, experts, expert panel, "
         "stakeholders argue, simulate ~ panel/board/meeting/discussion/conversation, look back, "
         "went well, what worked, frustrat*, culture, values, manifesto, elephant in room, heated, "
         "honest talk, frank, no conclusion needed, conclusion needed, each of us, each says, each tells, "
         "hear it from, from all corners, let s talk about it, lets talk about it, come to word, zu wort, "
         "best possible case, round in which, not a report, how it lands, lands with, play with it, "
         "build on each, each others, round ~ table, feel about, finger pointing, stranger better, "
         "story of why, take it apart, take apart, be honest, work it out together, jeder sagt, "
         "alle beteiligten, nicht einig, dispute, settle"},

        /* ---- builder ---- */
        {"builder-defect", ROUTE_BUILDER, 2.2, false,
         "bug, bugs, bugfix*, broken, breaks, crash*, fails, failing, failed, failure in, error, errors, "
         "exception*, stack trace, stacktrace, regression, does not work, doesnt work, dont work, "
         "not working, isnt working, arent working, stopped working, no longer works, no longer, wrong, "
         "incorrect*, flaky, flakes, memory leak*, leaks, leaking, race condition*, deadlock*, segfault*, "
         "timeout*, timing out, times out, npe, null pointer, nullpointer, undefined, 500, 502, 503, 404, "
         "403, 401, hangs, hanging, freezes, frozen, stuck, typo*, blank screen, blank page, "
         "white screen, misaligned, cut off, cutoff, overlap*, duplicat*, off by one, slow, sluggish, "
         "takes forever, doesnt load, does not load, doesnt show, not showing, not shown, doesnt update, "
         "not updating, not saved, not saving, doesnt save, doesnt open, wont open, wont load, "
         "wont start, wont build, cant login, cannot login, cant log in, cannot log in, unable to, "
         "cant click, disappears, disappeared, vanish*, flicker*, glitch*, jumps, unresponsive, "
         "out of memory, oom, 100 cpu, corrupted, corrupt*, garbled, escaped wrong, infinite loop, "
         "unexpected*, doesnt compile, does not compile, build fails, build is red, red build, ci is red, "
         "tests fail*, reproduce, repro, steps to reproduce, expected behavior, expected behaviour, "
         "actual behavior, actual result, hotfix, workaround, ignored, ignores, loses, lost, stale, "
         "mismatch, rejects, returns, throws, logs out, logged out, shows, displays"},
        {"builder-verb", ROUTE_BUILDER, 2.6, false,
         "^fix, ^implement, ^add, ^remove, ^delete, ^rename, ^refactor, ^update, ^upgrade, ^bump, ^port, "
         "^convert, ^wire, ^hook, ^integrate, ^install, ^configure, ^setup, ^set up, ^deploy, ^debug, "
         "^optimi*, ^speed up, ^replace, ^extract, ^move, ^enable, ^disable, ^support, ^handle, "
         "^validate, ^parse, ^log, ^cache, ^clean, ^cleanup, ^revert, ^merge, ^rebase, ^patch, ^rewrite, "
         "^expose, ^generate, ^containeri*, ^dockeri*, ^lint, ^format, ^automate, ^locali*, ^style, "
         "^center, ^hide, ^show, ^resize, ^increase, ^decrease, ^reduce, ^lower, ^raise, ^bind, ^inject, "
         "^mock, ^stub, ^seed, ^backfill, ^migrate, ^drop, ^swap, ^switch, ^change, ^make, ^build, "
         "^create, ^code, ^program, ^scaffold, ^bootstrap, ^connect, ^send, ^store, ^save, ^load, ^fetch, "
         "^render, ^display, ^sort, ^paginate, ^sanitize, ^escape, ^encrypt, ^hash, ^compress, ^throttle, "
         "^debounce, ^retry, ^schedule, ^import, ^export, ^upload, ^download, ^sync, ^track, ^record, "
         "^instrument, ^profile, ^benchmark, ^unify, ^dedupe, ^deduplicate, ^consolidate, ^inline, "
         "^simplify, ^allow, ^prevent, ^stop, ^block, ^restrict, ^limit, ^return, ^persist, ^preload, "
         "^prefetch, ^animate, ^highlight, ^truncate, ^round, ^trim, ^strip, ^normalize, ^serialize, "
         "^deserialize, ^encode, ^decode, ^unblock, ^resolve, ^repair, ^restore, ^fixup, ^tweak, ^adjust, "
         "^correct, ^test, ^cover, ^type, ^annotate, ^publish, ^package, ^release, ^tag, ^pin, "
         "^downgrade, ^finish, ^complete, ^apply, ^autocomplete, ^translate, ^swallow, ^catch, ^reset, "
         "^rotate, ^purge, ^vacuum, ^index, ^batch, ^stream, ^buffer, ^queue, ^parallelize, ^vectorize, "
         "^memoize, ^lazy, ^defer, ^split"},
        {"builder-anywhere", ROUTE_BUILDER, 1.5, false,
         "fix, fixes, fixing, fixed, implement, implements, implementing, implementation, refactor*, "
         "debug*, rename, upgrade, add support, add validation, hook up, wire up, get rid of, "
         "take a look, look into why, find out why ~ fails, figure out why, open a pr, pull request, pr, "
         "merge request, commit, branch, rebase, cherry pick, patch, code review comments, "
         "write ~ test/tests/script/function/class/migration/query/parser/code/component/hook/wrapper/"
         "helper/program/dockerfile/regex/middleware/plugin/cli/sql/unit/integration/e2e/job/module/"
         "makefile/handler/linter/client/crawler/scraper/bot/exporter, "
         "build/create/make/code/develop/set ~ page/button/form/endpoint/component/script/cli/screen/"
         "dashboard/widget/modal/app/api/bot/tool/job/command/service/function/module/library/plugin/"
         "client/server/extension/view/table/chart/menu/hook/class/test/tests/pipeline/dockerfile/image/"
         "website/site/login/game/parser/table/index/webhook/worker/cron/exporter/importer/prototype/demo/"
         "template/package/sdk/migration/chart/helm/playbook/terraform/workflow/action/integration/"
         "simulator/calculator/crawler/scraper/generator, "
         "implement ~ architecture/design/spec/adr/rfc/model/roadmap/prd/stories/story/requirements, "
         "build ~ as designed/specified/described/agreed, per spec, per design, per adr, as specified, "
         "as designed, according to, as described, as agreed, we agreed, already decided, already agreed, "
         "based on ~ design/spec/adr/mockup*/figma, from ~ figma, figma, mockup*, "
         "design ~ button/page/logo/icon/form/screen/banner/favicon/modal/landing/component/ui/css/"
         "stylesheet/menu/navbar/footer/header/email/template/card/widget/tooltip/avatar/badge"},
        {"builder-thing", ROUTE_BUILDER, 1.2, false,
         "button*, endpoint*, unit test*, integration test*, e2e test*, test coverage, tests, test case*, "
         "css, html, dropdown*, modal*, form, forms, checkbox*, radio button*, text field*, input field*, "
         "tooltip*, icon, icons, navbar, sidebar, footer, header, banner, page, screen, popup, dialog, "
         "tab, tabs, table, column, columns, row, rows, field, fields, label*, placeholder*, spinner*, "
         "component*, script*, cron*, dockerfile*, docker compose, docker image, helm chart*, terraform, "
         "ansible, makefile, github action*, ci, ci pipeline, jenkins*, build script, sql, query, "
         "queries, index, migration script*, sdk, client library, webhook*, cli, flag, config, "
         "configuration file, env var*, environment variable*, dependenc*, package, library, librar*, "
         "function*, class, classes, method*, module, variable*, constant*, enum, parser, validator, "
         "handler, controller*, middleware, regex, linter, eslint, prettier, logger, logging, log line*, "
         "pagination, dark mode, sorting, filter, filters, search box, search bar, export to csv, "
         "csv export, upload*, download*, login, login page, logout, password reset, reset password, "
         "sign up, signup, email template*, push notification*, toast, seed data, fixture*, readme, "
         "docstring*, code comment*, comments, type hint*, types, typings, typescript, javascript, "
         "python, golang, rust, kotlin, swift, java, react, vue, angular, svelte, django, flask, fastapi, "
         "rails, spring boot, laravel, express, nextjs, node, npm, pip, yarn, gradle, maven, cargo, "
         "postgres, redis, nginx, safari, chrome, firefox, ios, android, iphone, ipad, mobile, desktop, "
         "windows, macos, linux, keyboard shortcut*, scroll*, click*, hover, tap, tapping, swipe, "
         "drag and drop, autofocus, viewport, warning*, deprecation warning*, cve*, vulnerab*, "
         "secret scanning, lint, header*, cookie*, cors, csrf, jwt, token, firmware, driver, gpio, uart, "
         "i2c, interrupt handler, sensor, shader*, sprite*, collision, notebook, dag, dbt, etl job, "
         "cron job, batch job, feature flag, api key, rate limiting, rate limit, retry logic"},
        {"builder-decided", ROUTE_BUILDER, 1.8, false,
         "signed off, sign off is there, is approved, was approved, got approved, has been approved, "
         "we decided, decided on, has decided, have decided, are clear, is final, are ready, is ready, "
         "as agreed, was agreed, has been agreed, start coding, please build, please implement, "
         "please code, go ahead and, put it in, put it live, ship it, and put it live, finish it"},
        {"builder-screen", ROUTE_BUILDER, 1.6, false,
         "product page*, product list*, product variant*, product detail*, product catalog*, "
         "product data, product id, product image*, product card*, survey form*, feedback form*, "
         "feedback widget, retro board, kpi dashboard, kpi widget, roadmap page, backlog view, "
         "poll widget, story component, persona field, pricing page ~ broken/typo/wrong/layout/css, "
         "status code*, user id, user service, design tweak*, design system component*, "
         "scale ~ image/images/font/canvas, kanban board, task board, sticky notes, comment section, "
         "discussion thread*, discussion forum, discussion page, vote button, voting counter"},

        /* ---- other languages ---- */
        {"architect-abroad", ROUTE_ARCHITECT, 2.6, false,
         "entwirf, entwurf, entwerfen, systementwurf, datenmodell, skalier*, abwagung*, "
         "vor und nachteile, schnittstellenentwurf, "
         "wie sollen/sollten/konnen wir ~ strukturieren/skalieren/aufteilen/migrieren/trennen, "
         "welche datenbank, bedrohungsanalyse, bedrohungsmodell, bewerte ~ option*, konzept, "
         "technisches konzept, vergleiche, mandantenfahig*, ausfallsicher*, concevoir, conception, "
         "concois, modele de donnees, comparer, compare les, avantages et inconvenients, "
         "passage a lechelle, quelle base de donnees, quelle architecture, faut il migrer, "
         "evaluer les options, decoupage, arquitectura, disena*, disenar, diseno, modelo de datos, "
         "ventajas y desventajas, escalar, escalab*, que base de datos, evaluar opciones, evalua*, "
         "compara*, modelo de amenazas, arquitetura, projetar, architettura, progetta*, confronta*, "
         "architectuur, ontwerp*"},
        {"pm-abroad", ROUTE_PM, 2.6, false,
         "anforderung*, anforderungen, nutzergeschichte*, lastenheft, pflichtenheft, fahrplan, "
         "priorisier*, zielgruppe*, abnahmekriterien, akzeptanzkriterien, umfang, wettbewerb*, kennzahl*, "
         "umfrage*, nutzerinterview*, kundenfeedback, markteinfuhrung, meilenstein*, produktvision, "
         "releaseplan*, preismodell, kundenwunsch*, exigence*, cahier des charges, recit* utilisateur, "
         "user stories, feuille de route, prioris*, criteres dacceptation, perimetre, "
         "besoins des utilisateurs, besoin*, enquete, concurren*, indicateurs, parties prenantes, "
         "lancement, requisito*, historia* de usuario, hoja de ruta, prioriza*, criterios de aceptacion, "
         "alcance, encuesta*, competencia, partes interesadas, metricas, lanzamiento, estudio de mercado, "
         "requisitos, roteiro, requisiti, storie utente, eisen, doelgroep"},
        {"builder-abroad", ROUTE_BUILDER, 2.4, false,
         "behebe, beheben, behoben, fehler, fehlermeldung, implementier*, umsetzen, baue, bauen, "
         "einbauen, hinzufugen, fuge, erganze, kaputt, geht nicht, funktioniert nicht, sturzt ab, "
         "absturz, lasst sich nicht, wird nicht, aktualisier*, entferne, losche, umbenennen, anmeldung, "
         "schaltflache, knopf, repariere, reparier*, schreibe ~ test*/skript, "
         "erstelle ~ skript/seite/komponente/endpunkt, corrige, corriger, ajoute, ajouter, implemente*, "
         "ne fonctionne pas, ne marche pas, ne marche plus, erreur, bogue, plante, bouton, supprime, "
         "supprimer, mets a jour, mettre a jour, ecris un test, ecrire ~ test*, remplace*, refactorise*, "
         "arregla*, corregir, anade, anadir, agrega, agregar, implementa*, no funciona, fallo, falla, "
         "se cae, boton, elimina*, actualiza*, escribe ~ prueba*/test*, refactoriza*, borra, adicionar, "
         "corrigir, nao funciona, aggiungi, correggi, non funziona, voeg ~ toe, werkt niet, dodaj, napraw"},
        {"party-abroad", ROUTE_PARTY_MODE, 3.2, false,
         "brainstormen, diskutier*, diskussion, ideen sammeln, ideen fur, ideensammlung, meinung*, "
         "aus verschiedenen, perspektiven, sichtweisen, das ganze team, alle zusammen, "
         "gemeinsam uberlegen, ruckblick, retrospektive, was meint ihr, was haltet ihr, "
         "pro und contra diskutieren, remue meninges, discuter, discutons, debattre, debat, avis de, "
         "toute lequipe, avec tout le monde, idees pour, points de vue, que pensez vous, retrospective, "
         "reflechir ensemble, lluvia de ideas, debatir, debate, opiniones, todo el equipo, perspectivas, "
         "ideas para, que opinan, discutir, discutamos, con todos, entre todos, retrospectiva, "
         "discutiamo, opinioni, idee per, discussao, opinioes"},

        /* ---- for nobody by themselves ---- */
        {"neutral", NOBODY, 0, false,
         "third party, 3rd party, first party, party size, point of view of ~ code, design tokens, "
         "design system, product owner said, product asks"},
        {"politeness", NOBODY, 0, false, "please, could you, can you, would you, thanks, thank you, cheers"},
        {"small", NOBODY, 0, false,
         "small, tiny, quick, simple, trivial, minor, easy, one line, one liner, just, little, typo, "
         "copy change, wording, cosmetic"},
        {"write", NOBODY, 0, false, "write, draft, document, describe, outline, compose, prepare"},
        {"analyse", NOBODY, 0, false,
         "analy*, investigate, research, study, review, look at, look into, check, audit, explore"},
        {"plan", NOBODY, 0, false, "plan, plans, planning, proposal, propose"},
        {"people", NOBODY, 0, false,
         "user, users, customer*, client, clients, merchant*, patient*, teacher*, student*, driver*, "
         "buyer*, seller*, admin*, employee*, people"},
        {"team", NOBODY, 0, false, "team, teams, we all, everyone, everybody, folks, colleagues, group"},
        {"system", NOBODY, 0, false,
         "system*, platform*, service, services, backend, frontend, pipeline*, infrastructure, database*, "
         "storage, cluster*, api, apis, schema*, protocol, broker, queue*, cache*, layer*, "
         "component boundaries, model, models"},
        {"choice", NOBODY, 0, false, "or, either, whether, between, instead, rather, better, best, prefer"},
        {"design", NOBODY, 0, false, "design, designs, designing, designed, redesign, ux, ui, ux design"},
        {"feature", NOBODY, 0, false,
         "feature, features, functionality, capability, capabilities, workflow*, flow, flows"},
};

const size_t route_lexicon_n = ELEMENTSOF(route_lexicon);
_Static_assert(ELEMENTSOF(route_lexicon) <= LEXICON_GROUPS_MAX, "a group more than the matcher counts");
