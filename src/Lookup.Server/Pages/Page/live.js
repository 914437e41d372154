// The operations page: receives a sample each second from /live and draws the last five minutes.
'use strict';

const KEPT = 300;
// Samples arrive each second; after a longer silence the page shows the connection as lost.
const SILENCE_MS = 4000;
const AGAIN_MS = 2000;
const samples = [];
let heard = performance.now();
const byId = id => document.getElementById(id);
// A canvas does not support light-dark(), so the browser resolves the colour for an element.
const swatch = document.createElement('i');
swatch.hidden = true;
document.body.append(swatch);
const colour = name => {
  swatch.style.color = `var(--${name})`;
  return getComputedStyle(swatch).color;
};
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const part = new Intl.NumberFormat('en', { style: 'percent', maximumSignificantDigits: 3 });

function time(microseconds) {
  if (microseconds == null) return '–';
  return microseconds < 1000 ? `${microseconds.toFixed(0)} µs` : `${(microseconds / 1000).toPrecision(3)} ms`;
}

function rateOf(sample, verdict) {
  return sample.rates.filter(r => !verdict || r.verdict === verdict).reduce((sum, r) => sum + r.perSecond, 0);
}

function figure(id, text, kind) {
  const element = byId(id);
  element.querySelector('b').textContent = text;
  element.classList.toggle('good', kind === 'good');
  element.classList.toggle('bad', kind === 'bad');
}

function utc(time) {
  return new Date(time).toISOString().replace('T', ' ').slice(0, 19) + ' UTC';
}

function state(text, kind) {
  document.body.classList.toggle('old', kind === 'lost');
  byId('state').textContent = text;
  byId('state').className = 'state ' + kind;
}

function rows(id, lines, none) {
  const body = byId(id).querySelector('tbody');
  body.replaceChildren(...(lines.length ? lines : [[none]]).map(line => {
    const row = document.createElement('tr');
    for (const value of line) {
      const cell = row.insertCell();
      cell.textContent = typeof value === 'number' ? whole.format(value) : value;
      if (typeof value === 'number') cell.className = 'number';
    }
    return row;
  }));
}

function draw(id, series, label) {
  const canvas = byId(id);
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const g = canvas.getContext('2d');
  g.scale(ratio, ratio);
  const top = Math.max(1e-9, ...series.flatMap(s => s.values.filter(v => v != null)));
  const y = value => height - 14 - (value / top) * (height - 30);
  g.font = '12px system-ui, sans-serif';
  g.fillStyle = colour('dim');
  g.strokeStyle = colour('line');
  for (const part of [0, 0.5, 1]) {
    g.beginPath();
    g.moveTo(0, y(top * part));
    g.lineTo(width, y(top * part));
    g.stroke();
    g.fillText(label(top * part), 2, y(top * part) - 3);
  }
  for (const { values, name } of series) {
    g.strokeStyle = colour(name);
    g.lineWidth = 1.5;
    g.beginPath();
    let open = false;
    values.forEach((value, i) => {
      if (value == null) { open = false; return; }
      const x = width - (values.length - 1 - i) * (width / (KEPT - 1));
      if (open) g.lineTo(x, y(value)); else g.moveTo(x, y(value));
      open = true;
    });
    g.stroke();
  }
}

function shadow(found) {
  if (!found) return 'none';
  const left = found.notCompared ? `, ${whole.format(found.notCompared)} not compared` : '';
  return `${whole.format(found.different)} of ${whole.format(found.same + found.different)} decisions would change${left}`;
}

function about(now) {
  const looked = now.filters.filter(f => f);
  const worst = name => looked.length ? part.format(Math.max(...looked.map(f => f[name]))) : '–';
  rows('store', [
    ['state', now.store.replaceAll('_', ' ') + (now.serving && now.why ? ', not writable' : '')],
    ['servers', `${now.servers}` + (now.silentServers ? `, circuit open to ${now.silentServers}` : ', circuits closed')],
    ['failed store calls a second', whole.format(now.storeErrors)],
    ['fullest filter', `${worst('fill')} of bits set`],
    ['highest false-positive rate', worst('falsePositives')],
    ['reads a second after a filter hit', `${whole.format(now.filterConfirmed)} found facts, ${whole.format(now.falsePositives)} false positives`],
  ]);
  const { version, host, process, started, epoch } = now.instance;
  rows('instance', [['version', version], ['host and process', `${host}, ${process}`], ['started', utc(started)], ['store epoch', epoch], ['sources of the rules', now.unverified ?? 'all verified within a year'], ['shadow regimes', shadow(now.shadow)]]);
}

function show() {
  const now = samples.at(-1);
  if (!now) return;
  state(now.serving ? (now.why ? 'serving, but nothing can be recorded: ' + now.why : 'serving') : 'not serving: ' + now.why, now.serving ? 'serving' : 'not');
  byId('clock').textContent = utc(now.time);
  figure('wrong', whole.format(now.wrongAllows), now.wrongAllows > 0 ? 'bad' : 'good');
  figure('rate', whole.format(now.checks));
  figure('decisions', whole.format(rateOf(now)));
  figure('p50', time(now.p50));
  figure('p99', time(now.p99));
  figure('p999', time(now.p999));
  const missing = now.ages.some(age => age == null);
  const oldest = Math.max(...now.ages.filter(age => age != null));
  figure('age', missing ? 'unknown' : `${oldest.toFixed(0)} ms`, missing || oldest > now.boundMs ? 'bad' : 'good');
  byId('bound').textContent = `bound ${now.boundMs} ms`;
  const looked = now.cacheHits + now.cacheMisses;
  figure('cache', looked ? part.format(now.cacheHits / looked) : '–');
  figure('vain', whole.format(now.falsePositives));
  about(now);
  figure('audits', whole.format(now.auditsConfirmed));
  rows('reasons', now.rates.slice(0, 12).map(r => [r.verdict, r.reason, r.perSecond]), 'no decisions in the last second');
  rows('errors', now.errors.toReversed().map(e => [e.at.slice(11, 19), e.method, e.status, e.detail]), 'none');
  byId('ages').replaceChildren(...now.ages.map((age, i) => {
    const cell = document.createElement('span');
    cell.textContent = `${i}: ${age == null ? 'none' : age.toFixed(0) + ' ms'}`;
    cell.classList.toggle('old', age == null || age > now.boundMs);
    return cell;
  }));
  draw('verdicts', ['allow', 'deny', 'unknown', 'not_covered'].map(name => ({ name, values: samples.map(s => rateOf(s, name)) })), whole.format);
  draw('times', ['p50', 'p99', 'p999'].map(name => ({ name, values: samples.map(s => s[name]) })), time);
}

// Marks the figures as old, so that they do not look current.
function lost() {
  state('connection lost; these figures are old', 'lost');
}

function connect() {
  const source = new EventSource('live');
  // The service sends its kept samples first, also after a reconnect.
  source.onopen = () => { samples.length = 0; };
  source.addEventListener('samples', event => {
    heard = performance.now();
    samples.push(...JSON.parse(event.data));
    samples.splice(0, samples.length - KEPT);
    show();
  });
  source.onerror = () => {
    lost();
    // The browser reconnects by itself after a broken connection, not after a rejected one.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
  };
}

connect();
setInterval(() => { if (performance.now() - heard > SILENCE_MS) lost(); }, 1000);
window.addEventListener('resize', show);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
