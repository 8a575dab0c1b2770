/* The curves of lip motion: drawn, and changed by drawing over them. Runs when its element loads. */
const SAID = {
  jawOpen: 'jaw down', mouthClose: 'lips meet, jaw open', mouthFunnel: 'o, sh', mouthPucker: 'u, w',
  mouthLowerDown: 'lower teeth', mouthUpperUp: 'upper teeth', mouthPress: 'p, b, m', mouthRollLower: 'f, v',
  mouthRollUpper: 'upper lip in', mouthShrugLower: 'chin up', mouthSmile: 'smile', mouthFrown: 'frown',
  mouthStretch: 'i, s: wide', mouthDimple: 'dimple', tongueUp: 'l, t, th',
};
const HUES = [4, 210, 130, 280, 35, 190, 330, 95, 240, 15, 160, 300, 55, 225, 350];
const ROOM = {left: 34, right: 16, top: 10, bottom: 22};
let motion = null, active = 0, undone = [], stroke = null, span = [0, 1];

function build() {
  element.querySelector('.curves-room').innerHTML = `
    <div class="curves-names"></div>
    <div class="curves-draw"><canvas></canvas>
      <div class="curves-bar">
        <button type="button" data-do="play">Play the voice</button>
        <button type="button" data-do="undo">Undo</button>
        <button type="button" data-do="smooth">Smooth</button>
        <button type="button" data-do="less">− 10 %</button>
        <button type="button" data-do="more">+ 10 %</button>
        <button type="button" data-do="rest">To rest</button>
        <label>from <input type="number" min="0" step="0.5" data-span="0"> to
          <input type="number" min="0" step="0.5" data-span="1"> s</label>
      </div>
      <audio preload="auto"></audio></div>`;
  const names = element.querySelector('.curves-names');
  motion.names.forEach((name, at) => {
    const button = document.createElement('button');
    button.type = 'button'; button.dataset.at = at; button.dataset.name = name;
    button.innerHTML = `<i style="background:${colour(at)}"></i><b>${name}</b><small>${SAID[name] || ''}</small>`;
    names.append(button);
  });
  element.querySelector('audio').src = motion.voice;
  choose(0); show(0, Math.min(seconds(), 8)); listen();
}

const seconds = () => motion.frames.length / motion.fps;
const colour = at => `hsl(${HUES[at]} 65% 47%)`;
const canvas = () => element.querySelector('canvas');

function choose(at) {
  active = at;
  element.querySelectorAll('[data-at]').forEach(b => b.classList.toggle('chosen', +b.dataset.at === at));
  draw();
}

function show(from, to) {
  const length = seconds();
  from = Math.max(0, Math.min(from || 0, length - 0.2));
  to = Math.min(length, Math.max(to || 0, from + 0.2));
  span = [from, to];
  element.querySelectorAll('[data-span]').forEach(i => { i.value = Math.round(span[+i.dataset.span] * 100) / 100; });
  draw();
}

function place() {
  const box = canvas().getBoundingClientRect();
  return {width: box.width, height: box.height,
    across: box.width - ROOM.left - ROOM.right, up: box.height - ROOM.top - ROOM.bottom};
}
const xOf = (time, p) => ROOM.left + (time - span[0]) / (span[1] - span[0]) * p.across;
const yOf = (value, p) => ROOM.top + (1 - (value - LOW) / (1 - LOW)) * p.up;
const LOW = -0.2;

function draw() {
  if (!motion) return;
  const board = canvas(), p = place(), pen = board.getContext('2d'), dots = devicePixelRatio || 1;
  if (!p.width) return;
  board.width = p.width * dots; board.height = p.height * dots; pen.scale(dots, dots);
  const style = getComputedStyle(element);
  const ink = style.getPropertyValue('--body-text-color-subdued'), grid = style.getPropertyValue('--border-color-primary');
  pen.font = '11px system-ui, sans-serif'; pen.lineJoin = 'round';
  for (const value of [0, 0.25, 0.5, 0.75, 1]) {
    line(pen, [[ROOM.left, yOf(value, p)], [p.width - ROOM.right, yOf(value, p)]], grid, value ? 0.6 : 1.2);
    pen.fillStyle = ink; pen.textAlign = 'right'; pen.fillText(value, ROOM.left - 6, yOf(value, p) + 4);
  }
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60].find(s => (span[1] - span[0]) / s <= p.across / 55) || 120;
  pen.textAlign = 'center';
  for (let t = Math.ceil(span[0] / step) * step; t <= span[1] + 1e-6; t += step)
    pen.fillText(`${Math.round(t * 10) / 10} s`, xOf(t, p), p.height - 6);
  pen.save(); pen.beginPath(); pen.rect(ROOM.left, 0, p.across, p.height - ROOM.bottom); pen.clip();
  motion.names.forEach((_, at) => { if (at !== active) line(pen, points(at, p), colour(at), 1, 0.28); });
  line(pen, points(active, p), colour(active), 2.5);
  const audio = element.querySelector('audio');
  if (audio && audio.currentTime > 0) {
    const x = xOf(audio.currentTime, p);
    line(pen, [[x, ROOM.top], [x, p.height - ROOM.bottom]], style.getPropertyValue('--body-text-color'), 1);
  }
  pen.restore();
}

function points(at, p) {
  const first = Math.max(0, Math.floor(span[0] * motion.fps) - 1);
  const last = Math.min(motion.frames.length, Math.ceil(span[1] * motion.fps) + 1);
  const found = [];
  for (let frame = first; frame < last; frame++)
    found.push([xOf((frame + 0.5) / motion.fps, p), yOf(motion.frames[frame][at], p)]);
  return found;
}

function line(pen, points, colour, width, alpha = 1) {
  pen.globalAlpha = alpha; pen.strokeStyle = colour; pen.lineWidth = width; pen.beginPath();
  points.forEach(([x, y], at) => at ? pen.lineTo(x, y) : pen.moveTo(x, y));
  pen.stroke(); pen.globalAlpha = 1;
}

const inside = value => Math.min(motion.ranges[active][1], Math.max(motion.ranges[active][0], value));

function keep() {
  undone.push([active, motion.frames.map(row => row[active])]);
  if (undone.length > 50) undone.shift();
}

function change(make) {
  keep();
  const before = motion.frames.map(row => row[active]);
  motion.frames.forEach((row, frame) => {
    const time = (frame + 0.5) / motion.fps;
    if (time >= span[0] && time <= span[1]) row[active] = inside(make(before, frame));
  });
  draw();
}

function undo() {
  if (!undone.length) return;
  const [at, before] = undone.pop();
  motion.frames.forEach((row, frame) => { row[at] = before[frame]; });
  choose(at);
}

function under(event) {
  const box = canvas().getBoundingClientRect(), p = place();
  const time = span[0] + (event.clientX - box.left - ROOM.left) / p.across * (span[1] - span[0]);
  const value = LOW + (1 - (event.clientY - box.top - ROOM.top) / p.up) * (1 - LOW);
  return [time * motion.fps - 0.5, inside(value)];
}

function paint(from, to) {
  const [first, last] = from[0] <= to[0] ? [from, to] : [to, from];
  for (let frame = Math.max(0, Math.round(first[0])); frame <= Math.min(motion.frames.length - 1, Math.round(last[0])); frame++) {
    const share = last[0] === first[0] ? 1 : Math.min(1, Math.max(0, (frame - first[0]) / (last[0] - first[0])));
    motion.frames[frame][active] = first[1] + share * (last[1] - first[1]);
  }
  draw();
}

function listen() {
  const board = canvas(), audio = element.querySelector('audio');
  board.addEventListener('pointerdown', event => {
    keep(); stroke = under(event); paint(stroke, stroke); board.setPointerCapture(event.pointerId);
  });
  board.addEventListener('pointermove', event => {
    if (!stroke) return;
    const now = under(event); paint(stroke, now); stroke = now;
  });
  for (const end of ['pointerup', 'pointercancel']) board.addEventListener(end, () => { stroke = null; });
  new ResizeObserver(draw).observe(board);
  const tick = () => {
    if (audio.paused) return draw();
    if (audio.currentTime > span[1]) audio.pause();
    draw(); requestAnimationFrame(tick);
  };
  audio.addEventListener('play', tick);
  audio.addEventListener('pause', () => { element.querySelector('[data-do=play]').textContent = 'Play the voice'; });
}

element.addEventListener('click', event => {
  const named = event.target.closest('[data-at]'), button = event.target.closest('[data-do]');
  if (named) choose(+named.dataset.at);
  if (!button) return;
  const audio = element.querySelector('audio');
  const acts = {
    undo, rest: () => change(() => 0), less: () => change((b, f) => b[f] * 0.9), more: () => change((b, f) => b[f] * 1.1),
    smooth: () => change((b, f) => (b[Math.max(0, f - 1)] + 2 * b[f] + b[Math.min(b.length - 1, f + 1)]) / 4),
    play: () => {
      if (!audio.paused) return audio.pause();
      audio.currentTime = span[0]; audio.play(); button.textContent = 'Pause';
    },
  };
  acts[button.dataset.do]();
});
element.addEventListener('change', event => {
  if (!event.target.dataset.span) return;
  const [from, to] = [...element.querySelectorAll('[data-span]')].map(input => +input.value);
  show(from, to);
});

function load() {
  motion = props.value ? JSON.parse(props.value) : null;
  undone = [];
  window.talkfaceCurves = () => motion ? JSON.stringify({names: motion.names, frames: motion.frames}) : '';
  if (motion) build(); else element.querySelector('.curves-room').innerHTML = '';
}
watch('value', load);
load();
