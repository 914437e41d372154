// The operations page: receives a sample each second from /live and draws the last five minutes or the last hour.
'use strict';

const KEPT = { five: 300, hour: 360 };
const SECONDS = { five: 1, hour: 10 };
const WORDS = { five: 'last 5 minutes', hour: 'last hour' };
// Samples arrive each second; after a longer silence the page shows the connection as lost.
const SILENCE_MS = 4000;
const AGAIN_MS = 2000;
const points = { five: [], hour: [] };
let now = null;
let chosen = 'five';
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
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });
const part = new Intl.NumberFormat('en', { style: 'percent', maximumSignificantDigits: 3 });

function rate(perSecond) {
  return perSecond < 10 && perSecond > 0 ? short.format(perSecond) : whole.format(perSecond);
}

function time(microseconds) {
  if (microseconds == null) return '–';
  return microseconds < 1000 ? `${microseconds.toFixed(0)} µs`
    : microseconds < 1e6 ? `${(microseconds / 1000).toPrecision(3)} ms` : `${(microseconds / 1e6).toPrecision(3)} s`;
}

function bytes(count) {
  return count < 1 << 30 ? `${whole.format(count / (1 << 20))} MiB` : `${(count / (1 << 30)).toPrecision(3)} GiB`;
}

function since(milliseconds) {
  const minutes = Math.max(0, milliseconds) / 60000;
  return minutes < 2 ? `${whole.format(minutes * 60)} s` : minutes < 120 ? `${whole.format(minutes)} min`
    : minutes < 2880 ? `${whole.format(minutes / 60)} hours` : `${whole.format(minutes / 1440)} days`;
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

// A line is a list of values, or { values, kind } to mark it. Rows are kept while nothing changes, so that text can be selected.
const written = new Map();
function rows(id, lines, none) {
  const text = JSON.stringify(lines);
  if (written.get(id) === text) return;
  written.set(id, text);
  const table = byId(id);
  const columns = [...table.querySelectorAll('th')].map(th => th.textContent);
  table.querySelector('tbody').replaceChildren(...(lines.length ? lines : [[none]]).map(line => {
    const row = document.createElement('tr');
    row.className = line.kind ?? '';
    (Array.isArray(line) ? line : line.values).forEach((value, i) => {
      const cell = row.insertCell();
      cell.textContent = typeof value === 'number' ? rate(value) : value;
      if (lines.length && columns[i]) cell.dataset.column = columns[i];
      if (typeof value === 'number') cell.className = 'number';
      if (typeof value === 'number' && columns[i]) table.querySelectorAll('th')[i].className = 'number';
      if (!lines.length) cell.colSpan = columns.length || 1;
    });
    return row;
  }));
}

// The ticks of the vertical axis: powers of ten, or quarters from zero.
function scale(values, isLog) {
  const top = Math.max(0, ...values);
  if (!isLog) {
    const upto = top * 1.1 || 1;
    return { ticks: [0, 0.25, 0.5, 0.75, 1].map(share => share * upto), share: value => value / upto };
  }
  const positive = values.filter(value => value > 0);
  const high = positive.length ? Math.ceil(Math.log10(top) + 1e-9) : 1;
  const least = Math.min(positive.length ? Math.floor(Math.log10(Math.min(...positive))) : 0, high - 1);
  // Zero has no logarithm; it gets a line of its own below.
  const low = positive.length < values.length ? least - 1 : least;
  const ticks = low < least ? [0] : [];
  for (let power = least; power <= high; power++) ticks.push(10 ** power);
  return { ticks, share: value => value > 0 ? (Math.log10(value) - low) / (high - low) : 0 };
}

function draw(id, series, label, isLog = true) {
  const canvas = byId(id);
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const g = canvas.getContext('2d');
  g.scale(ratio, ratio);
  g.font = '12px system-ui, sans-serif';
  const { ticks, share } = scale(series.flatMap(s => s.values.filter(v => v != null)), isLog);
  const left = 8 + Math.max(...ticks.map(tick => g.measureText(label(tick)).width));
  const [top, bottom] = [8, height - 20];
  const y = value => bottom - share(value) * (bottom - top);
  const span = (KEPT[chosen] - 1) * SECONDS[chosen];
  const x = secondsAgo => width - 6 - (secondsAgo / span) * (width - 6 - left);
  g.fillStyle = colour('dim');
  g.strokeStyle = colour('line');
  // Labels that would overlap are left out.
  const every = Math.ceil(ticks.length / ((bottom - top) / 16));
  ticks.forEach((tick, i) => {
    g.beginPath();
    g.moveTo(left, y(tick));
    g.lineTo(width - 6, y(tick));
    g.stroke();
    g.textAlign = 'right';
    if (i % every === 0) g.fillText(label(tick), left - 5, y(tick) + 4);
  });
  const end = points[chosen].at(-1)?.time ?? Date.now();
  for (let i = 0; i <= 5; i++) {
    const ago = span * (1 - i / 5);
    const at = x(ago);
    g.beginPath();
    g.moveTo(at, bottom);
    g.lineTo(at, bottom + 4);
    g.stroke();
    g.textAlign = i === 0 ? 'left' : i === 5 ? 'right' : 'center';
    g.fillText(new Date(end - ago * 1000).toISOString().slice(11, 16), at, height - 3);
  }
  for (const { values, name } of series) {
    g.strokeStyle = colour(name);
    g.fillStyle = g.strokeStyle;
    g.lineWidth = 1.5;
    g.beginPath();
    let open = false;
    values.forEach((value, i) => {
      if (value == null) { open = false; return; }
      const at = x((values.length - 1 - i) * SECONDS[chosen]);
      // A value between two gaps has no line; it gets a dot.
      if (!open && values[i + 1] == null) g.fillRect(at - 1, y(value) - 1, 2, 2);
      if (open) g.lineTo(at, y(value)); else g.moveTo(at, y(value));
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

function about() {
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
  const { version, host, process, started, epoch, id } = now.instance;
  rows('instance', [['version', version], ['host and process', `${host}, ${process}`], ['id', id], ['started', utc(started)], ['store epoch', epoch], ['sources of the rules', now.unverified ?? 'all verified within a year'], ['shadow regimes', shadow(now.shadow)]]);
  rows('loads', now.loads.map(load => {
    const isMemory = load.words === 'memory';
    const show = isMemory ? bytes : whole.format;
    return { values: [load.words, show(load.used), show(load.limit), part.format(load.limit ? load.used / load.limit : 0)], kind: load.used >= 0.9 * load.limit ? 'bad' : '' };
  }));
}

function work() {
  rows('registers', now.registers.map(register => {
    const days = (now.time - register.date) / 86400000;
    const kind = register.limitDays == null ? '' : days > register.limitDays ? 'bad' : days > 0.8 * register.limitDays ? 'soon' : '';
    return { values: [register.name, utc(register.date).slice(0, 10), since(now.time - register.date), register.limitDays == null ? 'none' : `${register.limitDays} days`], kind };
  }), 'no register is loaded');
  rows('lists', now.lists.map(list => [list.organisation, list.credential || '–', list.numbers, since(now.time - list.started)]), 'none');
  rows('imports', now.imports.map(one => [utc(one.begun).slice(0, 16), one.what || 'no file name', one.state, one.recorded]), 'none');
  rows('acts', now.acts.map(one => [utc(one.at).slice(0, 16), one.who || '–', one.act, one.result || 'none yet']), 'none');
  rows('instances', now.instances.map(one => ({
    values: [`${one.host}, ${one.process}` + (one.id === now.instance.id ? ' (this one)' : ''), one.version, since(now.time - one.started), one.checks, time(one.p99),
      one.age == null ? 'not followed' : `${one.age.toFixed(0)} ms`, bytes(one.memory), [one.outlook.verdict, ...one.outlook.reasons].join(' ')],
    kind: one.outlook.level === 'no' ? 'bad' : one.outlook.level,
  })), 'not known yet');
  rows('errors', now.errors.toReversed().map(e => [utc(e.at), e.count, e.caller || '–', e.organisation || '–', e.method, e.status, e.detail]), 'none');
}

function outlook() {
  byId('outlook').className = 'wide ' + now.outlook.level;
  if (byId('verdict').textContent !== now.outlook.verdict) byId('verdict').textContent = now.outlook.verdict;
  const reasons = now.outlook.reasons.join('\n');
  if (written.get('warnings') === reasons) return;
  written.set('warnings', reasons);
  byId('warnings').replaceChildren(...now.outlook.reasons.map(reason => Object.assign(document.createElement('li'), { textContent: reason })));
}

// The average of each reason over the chosen time.
function reasons() {
  const all = points[chosen];
  const sums = new Map();
  for (const point of all) {
    for (const r of point.rates) sums.set(`${r.verdict} ${r.reason}`, (sums.get(`${r.verdict} ${r.reason}`) ?? 0) + r.perSecond);
  }
  rows('reasons', [...sums].sort((a, b) => b[1] - a[1]).slice(0, 12).map(([name, sum]) => [...name.split(' '), sum / all.length]), 'no decisions in this time');
}

function show() {
  if (!now) return;
  state(now.serving ? (now.why ? 'serving, but nothing can be recorded: ' + now.why : 'serving') : 'not serving: ' + now.why, now.serving ? 'serving' : 'not');
  outlook();
  byId('clock').textContent = utc(now.time);
  figure('wrong', whole.format(now.wrongAllows), now.wrongAllows > 0 ? 'bad' : 'good');
  figure('rate', whole.format(now.checks));
  figure('decisions', whole.format(rateOf(now)));
  figure('facts', whole.format(now.facts));
  byId('objections').textContent = `${whole.format(now.objections)} objections`;
  const times = chosen === 'five' ? now.fiveMinutes : now.hour;
  figure('p50', time(times.p50));
  figure('p99', time(times.p99));
  figure('p999', time(times.p999));
  const missing = now.ages.some(age => age == null);
  const oldest = Math.max(...now.ages.filter(age => age != null));
  figure('age', missing ? 'unknown' : `${oldest.toFixed(0)} ms`, missing || oldest > now.boundMs ? 'bad' : 'good');
  byId('bound').textContent = `bound ${now.boundMs} ms`;
  figure('memory', bytes(now.memory));
  byId('limit').textContent = `of ${bytes(now.loads.find(load => load.words === 'memory').limit)}`;
  const looked = now.cacheHits + now.cacheMisses;
  figure('cache', looked ? part.format(now.cacheHits / looked) : '–');
  figure('vain', whole.format(now.falsePositives));
  figure('audits', whole.format(now.auditsConfirmed));
  about();
  work();
  byId('ages').replaceChildren(...now.ages.map((age, i) => {
    const cell = document.createElement('span');
    cell.textContent = `${i}: ${age == null ? 'none' : age.toFixed(0) + ' ms'}`;
    cell.classList.toggle('old', age == null || age > now.boundMs);
    return cell;
  }));
  charts();
}

function charts() {
  for (const element of document.querySelectorAll('.window')) element.textContent = WORDS[chosen];
  for (const name of ['five', 'hour']) byId(name).setAttribute('aria-pressed', name === chosen);
  reasons();
  const all = points[chosen];
  draw('verdicts', ['allow', 'deny', 'unknown', 'not_covered'].map(name => ({ name, values: all.map(s => rateOf(s, name)) })).filter(s => s.values.some(v => v > 0)), rate);
  draw('times', ['p50', 'p99', 'p999'].map(name => ({ name, values: all.map(s => s[name]) })), time);
  draw('writes', ['facts', 'objections'].map(name => ({ name, values: all.map(s => s[name]) })).filter(s => s.values.some(v => v > 0)), rate);
  draw('memories', [{ name: 'facts', values: all.map(s => s.memory) }], bytes, false);
}

// Marks the figures as old, so that they do not look current.
function lost() {
  state('connection lost; these figures are old', 'lost');
}

function keep(name, point) {
  points[name].push(point);
  points[name].splice(0, points[name].length - KEPT[name]);
}

function add(sample) {
  now = sample;
  keep('five', sample);
  if (sample.hourPoint) keep('hour', sample.hourPoint);
}

function connect() {
  const source = new EventSource('live');
  // The service sends what it kept first, also after a reconnect.
  source.addEventListener('history', event => {
    const history = JSON.parse(event.data);
    [points.five, points.hour] = [history.fiveMinutes, history.hour];
  });
  source.addEventListener('samples', event => {
    heard = performance.now();
    JSON.parse(event.data).forEach(add);
    show();
  });
  source.onerror = () => {
    lost();
    // The browser reconnects by itself after a broken connection, not after a rejected one.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
  };
}

for (const name of ['five', 'hour']) byId(name).addEventListener('click', () => { chosen = name; show(); });
connect();
setInterval(() => { if (performance.now() - heard > SILENCE_MS) lost(); }, 1000);
window.addEventListener('resize', show);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
