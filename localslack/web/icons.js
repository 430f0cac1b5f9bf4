// Line icons, drawn for this page on a field of 20 by 20.

const PATHS = {
  attach: 'M13.5 6.5 7.6 12.4a1.6 1.6 0 0 0 2.3 2.3l6-6a3.2 3.2 0 0 0-4.6-4.6L5 10.4a4.8 4.8 0 0 0 6.8 6.8l4.7-4.7',
  back: 'M12 4.5 6.5 10l5.5 5.5',
  bolt: 'M11 2.5 4.5 11h5l-.8 6.5L15.5 9h-5z',
  check: 'm4.5 10.5 3.7 3.7 7.3-8.2',
  clock: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14M10 6v4.2l2.7 1.8',
  close: 'M5 5l10 10M15 5 5 15',
  code: 'M7 6 3 10l4 4M13 6l4 4-4 4',
  copy: 'M7 7h8.5v9.5H7zM4.5 13V3.5H13',
  down: 'm5.5 8 4.5 4.5L14.5 8',
  download: 'M10 3.5v9M6 9l4 4 4-4M4 16.5h12',
  error: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14M7.7 7.7l4.6 4.6M12.3 7.7l-4.6 4.6',
  external: 'M11.5 4h4.5v4.5M16 4l-7 7M14 11.5V16H4V6h4.5',
  eye: 'M2.5 10S5.3 5 10 5s7.5 5 7.5 5-2.8 5-7.5 5-7.5-5-7.5-5M10 7.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4',
  file: 'M5 2.8h6.5L15 6.3v10.9H5zM11.3 3v3.5H15',
  forward: 'M8 4.5 13.5 10 8 15.5',
  hash: 'M7.7 3.5 6.3 16.5M13.7 3.5l-1.4 13M3.8 7.5h13M3.2 12.5h13',
  help: 'M7.3 7.6a2.7 2.7 0 1 1 4 2.3c-.9.5-1.3 1-1.3 2.1M10 14.9v.1M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14',
  home: 'M3.5 9.5 10 4l6.5 5.5M5.5 8.5v7.5h9V8.5M8.5 16v-4h3v4',
  image: 'M3.5 4.5h13v11h-13zM3.5 13l3.5-3.5 3 3 2.5-2.5 4 4M12.7 7.3v.1',
  info: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14M10 9.3v4.2M10 6.6v.1',
  keyboard: 'M2.5 5.5h15v9h-15zM5.5 8.3v.1M8.5 8.3v.1M11.5 8.3v.1M14.5 8.3v.1M6.5 11.7h7',
  link: 'M8.3 11.7a3 3 0 0 0 4.3 0l2.9-2.9a3 3 0 0 0-4.3-4.3l-1.1 1.1M11.7 8.3a3 3 0 0 0-4.3 0l-2.9 2.9a3 3 0 0 0 4.3 4.3l1.1-1.1',
  list: 'M8 5.5h8.5M8 10h8.5M8 14.5h8.5M4 5.5v.1M4 10v.1M4 14.5v.1',
  lock: 'M5 9h10v7.5H5zM7 9V6.5a3 3 0 0 1 6 0V9',
  menu: 'M3.5 5.5h13M3.5 10h13M3.5 14.5h13',
  more: 'M5 10v.1M10 10v.1M15 10v.1',
  pencil: 'm4 16 .8-3.5L13.3 4l2.7 2.7-8.5 8.5zM11.7 5.6l2.7 2.7',
  play: 'M6.5 4.5v11l9-5.5z',
  plug: 'M7 3.5v4M13 3.5v4M5 7.5h10v2.5a5 5 0 0 1-10 0zM10 15v2.5',
  plus: 'M10 4v12M4 10h12',
  quote: 'M4 4.5v11M8 6.5h8.5M8 10h8.5M8 13.5h5.5',
  reply: 'M4 4h12v9H9.5L6 16v-3H4z',
  search: 'M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11M13 13l4 4',
  send: 'M3.5 16.5 17 10 3.5 3.5l1.7 6.5zM5.2 10H10',
  smile: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14M7.5 8v.3M12.5 8v.3M6.9 11.7a3.7 3.7 0 0 0 6.2 0',
  star: 'm10 3.3 2 4.4 4.7.5-3.5 3.2 1 4.8-4.2-2.5-4.2 2.5 1-4.8L3.3 8.2l4.7-.5z',
  stop: 'M6 6h8v8H6z',
  terminal: 'M3 4h14v12H3zM6 8l2.3 2L6 12M10.5 12.5H14',
  thumbdown: 'M6.5 11.5v-8H4v8zM6.5 11.5l3 5.5c1.2 0 1.8-.7 1.8-1.7l-.5-3h4.7c.8 0 1.3-.7 1.1-1.5l-1.3-5.6c-.2-.8-.8-1.2-1.5-1.2h-5.3l-2 1',
  thumbup: 'M6.5 8.5v8H4v-8zM6.5 8.5l3-5.5c1.2 0 1.8.7 1.8 1.7l-.5 3h4.7c.8 0 1.3.7 1.1 1.5l-1.3 5.6c-.2.8-.8 1.2-1.5 1.2H8.5l-2-1',
  trash: 'M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5',
  users: 'M7.5 4a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6M2.5 16.5c0-3 2-5 5-5s5 2 5 5M12.5 4.3a2.7 2.7 0 0 1 0 5M14 11.9c2 .6 3.5 2.2 3.5 4.6',
  warning: 'M10 3.5 17.5 16.5h-15zM10 8.5v4M10 14.4v.1',
};

const SVG = 'http://www.w3.org/2000/svg';

export function icon(name, extra = '') {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('class', `icon icon-${name} ${extra}`);
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', PATHS[name] ?? PATHS.info);
  svg.append(path);
  return svg;
}

export const hasIcon = (name) => Object.hasOwn(PATHS, name);
