// Emoji by Slack's names: the everyday ones. What is not here shows as its :name:.

const GROUPS = {
  Smileys: `grinning 😀|smiley 😃|smile 😄|grin 😁|laughing 😆|sweat_smile 😅|rolling_on_the_floor_laughing 🤣|joy 😂
    slightly_smiling_face 🙂|upside_down_face 🙃|wink 😉|blush 😊|innocent 😇|heart_eyes 😍|star-struck 🤩|kissing_heart 😘|yum 😋
    stuck_out_tongue 😛|zany_face 🤪|hugging_face 🤗|shushing_face 🤫|thinking_face 🤔|zipper_mouth_face 🤐|face_with_raised_eyebrow 🤨
    neutral_face 😐|expressionless 😑|no_mouth 😶|smirk 😏|unamused 😒|face_with_rolling_eyes 🙄|grimacing 😬|relieved 😌|pensive 😔
    sleepy 😪|sleeping 😴|mask 😷|nerd_face 🤓|sunglasses 😎|face_with_monocle 🧐|confused 😕|worried 😟|open_mouth 😮|astonished 😲
    flushed 😳|pleading_face 🥺|fearful 😨|cold_sweat 😰|cry 😢|sob 😭|scream 😱|confounded 😖|sweat 😓|weary 😩|tired_face 😫|triumph 😤
    rage 😡|exploding_head 🤯|partying_face 🥳|melting_face 🫠|saluting_face 🫡|skull 💀|ghost 👻|alien 👽|robot_face 🤖|poop 💩
    see_no_evil 🙈|hear_no_evil 🙉|speak_no_evil 🙊|facepalm 🤦|shrug 🤷|unicorn_face 🦄`,
  People: `+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|ok_hand 👌|wave 👋|raised_hand ✋|v ✌️|crossed_fingers 🤞|point_up ☝️|point_up_2 👆
    point_down 👇|point_left 👈|point_right 👉|fist ✊|clap 👏|raised_hands 🙌|open_hands 👐|pray 🙏|handshake 🤝|muscle 💪|writing_hand ✍️
    eyes 👀|brain 🧠|technologist 🧑‍💻|detective 🕵️|ninja 🥷|busts_in_silhouette 👥|bust_in_silhouette 👤|speech_balloon 💬
    thought_balloon 💭|zzz 💤|heart ❤️|orange_heart 🧡|yellow_heart 💛|green_heart 💚|blue_heart 💙|purple_heart 💜|black_heart 🖤
    broken_heart 💔|two_hearts 💕|sparkling_heart 💖|100 💯|boom 💥|dizzy 💫|sweat_drops 💦`,
  Nature: `dog 🐶|cat 🐱|mouse 🐭|fox_face 🦊|bear 🐻|panda_face 🐼|tiger 🐯|lion_face 🦁|cow 🐮|pig 🐷|frog 🐸|monkey 🐒|chicken 🐔
    penguin 🐧|bird 🐦|owl 🦉|wolf 🐺|bee 🐝|bug 🐛|butterfly 🦋|snail 🐌|turtle 🐢|snake 🐍|octopus 🐙|crab 🦀|whale 🐳|dolphin 🐬|fish 🐟
    elephant 🐘|sloth 🦥|beaver 🦫|evergreen_tree 🌲|deciduous_tree 🌳|palm_tree 🌴|cactus 🌵|seedling 🌱|herb 🌿|four_leaf_clover 🍀
    leaves 🍃|sunflower 🌻|rose 🌹|tulip 🌷|mushroom 🍄|earth_africa 🌍|full_moon 🌕|sunny ☀️|cloud ☁️|rainbow 🌈|snowflake ❄️
    umbrella ☔|zap ⚡|fire 🔥|ocean 🌊|star ⭐|star2 🌟|sparkles ✨`,
  Food: `apple 🍎|banana 🍌|lemon 🍋|grapes 🍇|strawberry 🍓|avocado 🥑|bread 🍞|cheese_wedge 🧀|pizza 🍕|hamburger 🍔|fries 🍟|taco 🌮
    sushi 🍣|ramen 🍜|cookie 🍪|cake 🍰|birthday 🎂|doughnut 🍩|popcorn 🍿|coffee ☕|tea 🍵|beer 🍺|beers 🍻|wine_glass 🍷|champagne 🍾`,
  Activity: `tada 🎉|confetti_ball 🎊|balloon 🎈|gift 🎁|trophy 🏆|medal 🏅|first_place_medal 🥇|soccer ⚽|basketball 🏀|dart 🎯
    game_die 🎲|video_game 🎮|jigsaw 🧩|art 🎨|musical_note 🎵|microphone 🎤|headphones 🎧|guitar 🎸|checkered_flag 🏁
    triangular_flag_on_post 🚩|car 🚗|bus 🚌|bike 🚲|airplane ✈️|rocket 🚀|ship 🚢|construction 🚧|house 🏠|office 🏢|world_map 🗺️`,
  Objects: `computer 💻|desktop_computer 🖥️|keyboard ⌨️|iphone 📱|phone ☎️|battery 🔋|electric_plug 🔌|bulb 💡|flashlight 🔦
    wrench 🔧|hammer 🔨|hammer_and_wrench 🛠️|gear ⚙️|toolbox 🧰|magnet 🧲|test_tube 🧪|microscope 🔬|telescope 🔭|satellite 🛰️
    crystal_ball 🔮|package 📦|mailbox 📫|email 📧|incoming_envelope 📨|memo 📝|pencil2 ✏️|clipboard 📋|calendar 📅|date 📅
    chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|bar_chart 📊|pushpin 📌|paperclip 📎|straight_ruler 📏|scissors ✂️
    file_folder 📁|open_file_folder 📂|page_facing_up 📄|books 📚|book 📖|bookmark 🔖|label 🏷️|link 🔗|lock 🔒|unlock 🔓
    lock_with_ink_pen 🔏|key 🔑|shield 🛡️|bell 🔔|no_bell 🔕|mag 🔍|hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️
    alarm_clock ⏰|clock1 🕐|moneybag 💰|credit_card 💳|broom 🧹|wastebasket 🗑️|camera 📷|movie_camera 🎥|loudspeaker 📢|mega 📣|bomb 💣
    pill 💊|dna 🧬|ladder 🪜|axe 🪓`,
  Symbols: `white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|heavy_multiplication_x ✖️|warning ⚠️|no_entry ⛔
    no_entry_sign 🚫|octagonal_sign 🛑|stop_sign 🛑|rotating_light 🚨|question ❓|grey_question ❔|exclamation ❗|heavy_exclamation_mark ❗
    grey_exclamation ❕|bangbang ‼️|interrobang ⁉️|information_source ℹ️|red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡
    large_green_circle 🟢|large_blue_circle 🔵|large_purple_circle 🟣|white_circle ⚪|black_circle ⚫|red_square 🟥|large_red_square 🟥
    large_orange_square 🟧|large_yellow_square 🟨|large_green_square 🟩|large_blue_square 🟦|white_large_square ⬜|black_large_square ⬛
    arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️|arrow_forward ▶️|arrow_backward ◀️|fast_forward ⏩|rewind ⏪
    double_vertical_bar ⏸️|pause_button ⏸️|black_square_for_stop ⏹️|arrows_counterclockwise 🔄|repeat 🔁|twisted_rightwards_arrows 🔀
    leftwards_arrow_with_hook ↩️|arrow_right_hook ↪️|heavy_plus_sign ➕|heavy_minus_sign ➖|heavy_dollar_sign 💲|recycle ♻️
    globe_with_meridians 🌐|wheel_of_dharma ☸️|one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣|five 5️⃣|six 6️⃣|seven 7️⃣|eight 8️⃣|nine 9️⃣|keycap_ten 🔟|zero 0️⃣
    new 🆕|ok 🆗|cool 🆒|free 🆓|sos 🆘|up 🆙|wavy_dash 〰️|infinity ♾️|hash #️⃣`,
};

export const EMOJI = new Map(); // name → character
export const EMOJI_GROUPS = new Map(); // title → names, the first name of each character only
for (const [title, rows] of Object.entries(GROUPS)) {
  const seen = new Set();
  EMOJI_GROUPS.set(title, []);
  for (const pair of rows.trim().split(/\s*[|\n]\s*/)) {
    const [name, character] = pair.split(' ');
    EMOJI.set(name, character);
    if (!seen.has(character)) EMOJI_GROUPS.get(title).push(name);
    seen.add(character);
  }
}

const TONES = { 2: '🏻', 3: '🏼', 4: '🏽', 5: '🏾', 6: '🏿' };

/** The character of `name` ("wave", "wave::skin-tone-3"), or null. */
export function emojiCharacter(name) {
  const [base, tone] = String(name ?? '').split('::');
  const character = EMOJI.get(base);
  if (!character) return null;
  const n = /^skin-tone-([2-6])$/.exec(tone ?? '')?.[1];
  return n ? character.replace('\ufe0f', '') + TONES[n] : character;
}

/** Names that contain `query`, those that begin with it first. */
export function findEmoji(query, limit) {
  const q = query.toLowerCase();
  const found = [...EMOJI.keys()].filter((name) => name.includes(q));
  return found.sort((a, b) => b.startsWith(q) - a.startsWith(q) || a.length - b.length).slice(0, limit);
}
