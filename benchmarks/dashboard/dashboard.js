// The benchmark page: reads the lines that Lookup.Load published and shows how each metric moved. The rule of judgement is
// written out in index.html; it and judge() are changed together.
'use strict';

const ENOUGH = 3;
const files = new Map();
const failures = [];
let plots = [];
const byId = id => document.getElementById(id);

function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text != null) element.textContent = text;
  return element;
}

// A custom property keeps light-dark() as it is written; only a colour that is used is resolved.
function colour(name) {
  const probe = document.body.appendChild(make('i'));
  probe.style.color = `var(--${name})`;
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function figure(value) {
  if (value == null) return '–';
  const size = Math.abs(value);
  return value.toLocaleString('en', size >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 });
}

const brief = value => new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 }).format(value);
const moment = run => run.time.slice(0, 16).replace('T', ' ');
const short = run => run.commit.slice(0, 9);
const machine = run => `${run.machine.cpu}, ${run.machine.cores} cores`;

function problem(run) {
  if (run === null || typeof run !== 'object' || Array.isArray(run)) return 'not a JSON object';
  for (const name of ['time', 'metric', 'unit', 'commit']) if (typeof run[name] !== 'string') return `${name} is not a text`;
  if (Number.isNaN(Date.parse(run.time))) return 'time is not a time';
  for (const name of ['median', 'min', 'max']) if (!Number.isFinite(run[name])) return `${name} is not a number`;
  for (const name of ['baseline_median', 'baseline_min', 'baseline_max', 'ratio', 'ratio_low', 'ratio_high'])
    if (run[name] != null && !Number.isFinite(run[name])) return `${name} is not a number`;
  if (run.machine === null || typeof run.machine !== 'object') return 'machine is not told';
  if (run.curve != null && !isCurve(run.curve)) return 'curve is none';
  return null;
}

function isCurve(curve) {
  return typeof curve.x === 'string' && curve.scale in along && Array.isArray(curve.points) && curve.points.length > 1
    && curve.points.every(p => Array.isArray(p) && Number.isFinite(p[0]) && Number.isFinite(p[1]) && (p[2] == null || Number.isFinite(p[2])));
}

// What runs along a curve is spread before it is drawn: percentiles by how few are beyond them.
const along = {
  linear: { to: x => x, from: x => x },
  log: { to: Math.log10, from: x => 10 ** x },
  percentile: { to: x => -Math.log10(1 - Math.min(x, 99.9999) / 100), from: x => 100 - 100 * 10 ** -x },
};

function read(name, text) {
  const runs = [];
  const errors = [];
  text.split('\n').forEach((line, i) => {
    if (!line.trim()) return;
    let run;
    let wrong;
    try {
      run = JSON.parse(line);
      wrong = problem(run);
    } catch {
      wrong = 'not JSON';
    }
    if (wrong) errors.push(`${name}, line ${i + 1}: ${wrong}. The line is left out.`);
    else runs.push(run);
  });
  if (!runs.length) errors.push(`${name}: no results in it.`);
  files.set(name, { runs: runs.sort((a, b) => Date.parse(a.time) - Date.parse(b.time)), errors });
}

// 1: greater is better; -1: less is better; 0: the unit does not tell.
function direction(unit) {
  if (/\/s$/.test(unit) || unit === '%') return 1;
  return /^(s|ms|us|ns|[KMG]i?B)(\/|$)/.test(unit) || unit === 'bytes' ? -1 : 0;
}

function judge(runs, i) {
  const run = runs[i];
  const better = direction(run.unit);
  const earlier = runs.slice(0, i).filter(r => machine(r) === machine(run) && r.unit === run.unit);
  if (!better) return { text: 'not judged: the unit has no better side' };
  if (earlier.length < ENOUGH) return { text: `not judged: ${earlier.length} earlier ${earlier.length === 1 ? 'run' : 'runs'} on this machine, ${ENOUGH} are needed` };
  const byRatio = [run, ...earlier].every(r => r.ratio != null && r.baseline === run.baseline);
  const value = r => byRatio ? r.ratio : r.median;
  const [low, high] = [Math.min(...earlier.map(value)), Math.max(...earlier.map(value))];
  const width = Math.max(high - low, 0.02 * Math.max(Math.abs(low), Math.abs(high)));
  const beyond = better > 0 ? low - width - value(run) : value(run) - high - width;
  const level = beyond <= 0 ? null : beyond > 3 * width ? 'severe' : beyond > width ? 'warning' : 'note';
  return { level, text: `${level ?? 'within the spread'}: ${byRatio ? 'ratio' : 'median'} ${figure(value(run))}, ${earlier.length} earlier runs ${figure(low)} to ${figure(high)}` };
}

// A row of nulls between two runs of different machines or baselines breaks the line.
function table(runs, columns) {
  const rows = [];
  runs.forEach((run, i) => {
    const before = runs[i - 1];
    if (before && (machine(before) !== machine(run) || before.unit !== run.unit || before.baseline !== run.baseline)) rows.push([i - 0.5, ...columns.map(() => null)]);
    rows.push([i, ...columns.map(c => run[c] ?? null)]);
  });
  return [0, ...columns.map((_, i) => i + 1)].map(c => rows.map(row => row[c]));
}

function yScale(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (low > 0 && high / low > 20) return { distr: 3, log: 10, range: () => [10 ** Math.floor(Math.log10(low) - 0.05), 10 ** Math.ceil(Math.log10(high) + 0.05)] };
  const room = (high - low) * 0.15 || Math.abs(high) * 0.1 || 1;
  return { range: () => [low >= 0 ? Math.max(0, low - room) : low - room, high + room] };
}

function powers(u, axis, low, high) {
  const [first, last] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
  const step = Math.ceil((last - first) / 4);
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => 10 ** (first + i * step));
}

function plot(place, runs, columns, lines, height, selected, judged) {
  const data = table(runs, columns);
  const values = data.slice(1).flat().filter(v => v != null);
  const scale = yScale(values);
  const step = Math.ceil(runs.length / 5);
  const grid = { stroke: colour('line'), width: 1 };
  const font = '11px system-ui, sans-serif';
  const options = {
    width: Math.max(120, place.clientWidth),
    height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
    scales: { x: { time: false, range: () => [-0.5, runs.length - 0.5] }, y: scale },
    axes: [
      { stroke: colour('dim'), grid: { show: false }, ticks: grid, font, size: 26, splits: () => runs.map((_, i) => i).filter(i => i % step === 0), values: (_, at) => at.map(i => runs[i].time.slice(5, 10)) },
      { stroke: colour('dim'), grid, ticks: grid, font, size: 54, space: 26, ...(scale.distr === 3 ? { splits: powers } : {}), values: (_, at) => at.map(v => v == null ? '' : brief(v)) },
    ],
    series: [{}, ...lines.map(l => ({ stroke: colour(l.colour), width: l.width, points: { show: l.width > 0, size: 6, fill: colour(l.colour) } }))],
    bands: lines.length > 1 ? [{ series: [2, 3], fill: colour(lines[0].colour).replace('rgb(', 'rgba(').replace(')', ', 0.18)') }] : [],
    hooks: {
      draw: [u => {
        const g = u.ctx;
        const dot = devicePixelRatio;
        g.save();
        runs.forEach((run, i) => {
          const x = u.valToPos(i, 'x', true);
          const [, high, low] = columns;
          if (run[low] != null) {
            g.strokeStyle = colour(lines[0].colour);
            g.lineWidth = dot;
            g.beginPath();
            g.moveTo(x, u.valToPos(run[low], 'y', true));
            g.lineTo(x, u.valToPos(run[high], 'y', true));
            g.stroke();
          }
          const value = run[columns[0]];
          if (judged[i].level && value != null) {
            g.strokeStyle = colour(judged[i].level);
            g.lineWidth = 2.5 * dot;
            g.beginPath();
            g.arc(x, u.valToPos(value, 'y', true), 7 * dot, 0, 2 * Math.PI);
            g.stroke();
          }
          if (i === selected() && runs.length > 1) {
            g.strokeStyle = colour('dim');
            g.lineWidth = dot;
            g.setLineDash([3 * dot, 3 * dot]);
            g.beginPath();
            g.moveTo(x, u.bbox.top);
            g.lineTo(x, u.bbox.top + u.bbox.height);
            g.stroke();
            g.setLineDash([]);
          }
        });
        g.restore();
      }],
    },
  };
  const drawn = new uPlot(options, data, place);
  plots.push({ drawn, place, height });
  return drawn;
}

function plotCurve(place, run, name) {
  const { x, scale, points } = run.curve;
  const spread = along[scale];
  const rows = points.map(p => [spread.to(p[0]), p[1], p[2] ?? null]).sort((a, b) => a[0] - b[0]);
  const data = [0, 1, 2].map(c => rows.map(row => row[c]));
  const values = [...data[1], ...data[2]].filter(v => v != null);
  const y = yScale(values);
  const grid = { stroke: colour('line'), width: 1 };
  const font = '11px system-ui, sans-serif';
  const room = (data[0].at(-1) - data[0][0]) * 0.04 || 1;
  const drawn = new uPlot({
    width: Math.max(120, place.clientWidth),
    height: 170,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: () => [data[0][0] - room, data[0].at(-1) + room] }, y },
    axes: [
      { stroke: colour('dim'), grid, ticks: grid, font, size: 42, label: x, labelSize: 16, labelFont: font, space: 44, ...(scale === 'linear' ? {} : { splits: () => data[0] }), values: (_, at) => at.map(v => scale === 'percentile' ? String(+spread.from(v).toFixed(3)) : brief(spread.from(v))) },
      { stroke: colour('dim'), grid, ticks: grid, font, size: 54, space: 26, ...(y.distr === 3 ? { splits: powers } : {}), values: (_, at) => at.map(v => v == null ? '' : brief(v)) },
    ],
    series: [{}, ...['subject', 'baseline'].map(key => ({ stroke: colour(key), width: 2, points: { show: true, size: 5, fill: colour(key) } }))],
  }, data, place);
  place.setAttribute('aria-label', `${name} by ${x}: ` + points.map(p => `${figure(p[0])}: ${figure(p[1])}`).join(', '));
  return drawn;
}

function card(name, runs, at, choose) {
  const box = make('article', 'card');
  box.dataset.metric = name;
  box.dataset.points = runs.length;
  const head = box.appendChild(make('div', 'head'));
  head.append(make('h3', null, name), make('span', 'dim', runs.at(-1).unit));
  const judged = runs.map((_, i) => judge(runs, i));
  const marks = head.appendChild(make('span'));
  const place = box.appendChild(make('div', 'plots'));
  const curve = box.appendChild(make('div', 'plots curve'));
  curve.setAttribute('role', 'img');
  const legend = box.appendChild(make('p', 'legend'));
  const hasBaseline = runs.some(r => r.baseline_median != null);
  const hasRatio = runs.some(r => r.ratio != null);
  const entry = (key, text) => {
    legend.appendChild(make('i')).style.background = `var(--${key})`;
    legend.append(text);
  };
  entry('subject', 'median, least to greatest');
  if (hasBaseline) entry('baseline', [...new Set(runs.map(r => r.baseline).filter(b => b != null))].join(' / '));
  if (hasRatio) entry('ratio', 'ratio, its 95 % interval (lower plot)');
  const list = box.appendChild(make('dl'));
  let selected = Math.min(at ?? runs.length - 1, runs.length - 1);
  const drawn = [];
  let curved = null;
  let isDrawn = false;

  // The curve is that of the chosen run.
  function showCurve() {
    if (curved) {
      plots = plots.filter(p => p.drawn !== curved);
      curved.destroy();
    }
    curved = null;
    curve.hidden = !runs[selected].curve;
    if (curve.hidden) return;
    curved = plotCurve(curve, runs[selected], name);
    plots.push({ drawn: curved, place: curve, height: 170 });
  }

  function select(i) {
    selected = Math.max(0, Math.min(runs.length - 1, i));
    choose(selected);
    const run = runs[selected];
    marks.replaceChildren();
    if (judged[selected].level) marks.append(make('b', 'mark ' + judged[selected].level, judged[selected].level));
    if (run.dirty) marks.append(make('b', 'mark dirty', 'dirty'));
    const parts = [
      ['run', `${selected + 1} of ${runs.length}, ${moment(run)} UTC`],
      ['median', `${figure(run.median)} ${run.unit} (${figure(run.min)} to ${figure(run.max)}, ${run.rounds === 1 ? '1 round' : figure(run.rounds) + ' rounds'})`],
      ['baseline', run.baseline_median == null ? null : `${figure(run.baseline_median)} ${run.unit} (${figure(run.baseline_min)} to ${figure(run.baseline_max)}): ${run.baseline}`],
      ['ratio', run.ratio == null ? null : figure(run.ratio) + (run.ratio_low == null ? '' : ` (${figure(run.ratio_low)} to ${figure(run.ratio_high)}, 95 % interval)`)],
      ['judged', judged[selected].text],
      ['note', run.note],
      ['commit', run.commit.slice(0, 12) + (run.dirty ? ', dirty: the sources differed from it' : '')],
      ['machine', `${machine(run)}, ${figure(run.machine.memory_mb)} MB, ${run.machine.os ?? ''}`],
      ['command', run.command_line],
    ].filter(p => p[1] != null && p[1] !== '');
    list.replaceChildren(...parts.flatMap(([key, text]) => [make('dt', null, key), make('dd', key === 'command' || key === 'commit' ? 'code' : null, text)]));
    place.setAttribute('aria-valuenow', selected + 1);
    place.setAttribute('aria-valuetext', `${moment(run)}: ${figure(run.median)} ${run.unit}, commit ${short(run)}, ${judged[selected].text}`);
    drawn.forEach(u => u.redraw(false));
    if (isDrawn) showCurve();
  }

  place.tabIndex = 0;
  place.setAttribute('role', 'slider');
  place.setAttribute('aria-label', `${name}: runs, arrow keys choose one`);
  place.setAttribute('aria-valuemin', 1);
  place.setAttribute('aria-valuemax', runs.length);
  place.addEventListener('keydown', event => {
    const to = { ArrowLeft: selected - 1, ArrowDown: selected - 1, ArrowRight: selected + 1, ArrowUp: selected + 1, Home: 0, End: runs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    select(to);
  });

  const overall = runs.map((_, i) => judged[i].level).filter(l => l);
  if (overall.length) box.dataset.levels = overall.join(' ');
  select(selected);
  return {
    box,
    draw() {
      const lines = [{ colour: 'subject', width: 2 }, { colour: 'subject', width: 0 }, { colour: 'subject', width: 0 }];
      const columns = ['median', 'max', 'min'];
      if (hasBaseline) {
        lines.push({ colour: 'baseline', width: 1.5 });
        columns.push('baseline_median');
      }
      drawn.push(plot(place, runs, columns, lines, 160, () => selected, judged));
      if (hasRatio) {
        const ratio = { colour: 'ratio', width: 1.5 };
        drawn.push(plot(place, runs, ['ratio', 'ratio_high', 'ratio_low'], [ratio, { ...ratio, width: 0 }, { ...ratio, width: 0 }], 90, () => selected, runs.map(() => ({}))));
      }
      isDrawn = true;
      showCurve();
      for (const u of drawn) u.over.addEventListener('click', () => select(Math.round(u.posToVal(u.cursor.left, 'x'))));
    },
  };
}

function commits() {
  const last = new Map();
  for (const { runs } of files.values())
    for (const run of runs) if (!last.has(run.commit) || last.get(run.commit).time < run.time) last.set(run.commit, run);
  return [...last.values()].sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

function pairs(from, to) {
  const found = { rows: [], apart: 0 };
  for (const { runs } of files.values())
    for (const metric of new Set(runs.map(r => r.metric))) {
      const of = commit => runs.filter(r => r.metric === metric && r.commit === commit);
      const [as, bs] = [of(from), of(to)];
      const b = bs.findLast(run => as.some(r => machine(r) === machine(run) && r.unit === run.unit));
      if (b) found.rows.push([as.findLast(r => machine(r) === machine(b) && r.unit === b.unit), b]);
      else if (as.length && bs.length) found.apart++;
    }
  return found;
}

function compare() {
  const [from, to] = [byId('from').value, byId('to').value];
  const { rows, apart } = pairs(from, to);
  byId('compared').textContent = (from === to ? 'Twice the same commit. ' : rows.length ? `Metrics measured at both on one machine: ${rows.length}. ` : 'No metric was measured at both on one machine. ')
    + (apart ? `Left out, since machine or unit differ: ${apart}.` : '');
  byId('comparison').parentElement.hidden = !rows.length;
  byId('comparison').querySelector('tbody').replaceChildren(...rows.map(([a, b]) => {
    const row = make('tr');
    const dirty = r => r.dirty ? ' (dirty)' : '';
    row.append(make('td', null, a.metric), make('td', null, a.unit));
    const sameBaseline = a.baseline === b.baseline && a.ratio && b.ratio != null;
    for (const text of [figure(a.median) + dirty(a), figure(b.median) + dirty(b), a.median ? figure(b.median / a.median) : '–', sameBaseline ? figure(b.ratio / a.ratio) : '–'])
      row.append(make('td', 'number', text));
    return row;
  }));
}

function showCommits() {
  const known = commits();
  byId('compare').hidden = known.length < 2;
  if (known.length < 2) return;
  const [from, to] = [byId('from'), byId('to')];
  const kept = [from.value, to.value];
  for (const select of [from, to])
    select.replaceChildren(...known.map(run => {
      const option = make('option', null, `${short(run)}${run.dirty ? ' dirty' : ''}, ${moment(run)}`);
      option.value = run.commit;
      return option;
    }));
  // The newest two that have something in common, since a page that opens on an empty table says little.
  let best = [known.at(-2).commit, known.at(-1).commit];
  search: for (let t = known.length - 1; t > 0; t--)
    for (let f = t - 1; f >= 0; f--)
      if (pairs(known[f].commit, known[t].commit).rows.length) {
        best = [known[f].commit, known[t].commit];
        break search;
      }
  const valid = kept.every(c => known.some(run => run.commit === c));
  [from.value, to.value] = valid ? kept : best;
  compare();
}

const chosen = new Map();

function show() {
  plots.forEach(p => p.drawn.destroy());
  plots = [];
  const errors = [...failures, ...[...files.values()].flatMap(f => f.errors)];
  byId('errors').replaceChildren(...errors.map(text => make('p', 'error', text)));
  const cards = [];
  byId('groups').replaceChildren(...[...files].filter(([, f]) => f.runs.length).map(([name, { runs }]) => {
    const group = make('section', 'group');
    group.append(make('h2', null, name));
    const metrics = group.appendChild(make('div', 'metrics'));
    for (const metric of new Set(runs.map(r => r.metric))) {
      const key = `${name} ${metric}`;
      const one = card(metric, runs.filter(r => r.metric === metric), chosen.get(key), i => chosen.set(key, i));
      metrics.append(one.box);
      cards.push(one);
    }
    return group;
  }));
  cards.forEach(c => c.draw());
  showCommits();
  const count = [...files.values()].reduce((sum, f) => sum + f.runs.length, 0);
  byId('state').textContent = count ? `${count} results in ${files.size} files` : 'no results yet: choose or drop the .jsonl files of benchmarks/results';
  document.body.dataset.ready = 'true';
}

async function load() {
  try {
    const names = await text('files.json').then(JSON.parse);
    await Promise.all(names.map(async name => {
      files.set(name, { runs: [], errors: [] });
      try {
        read(name, await text('../results/' + encodeURIComponent(name)));
      } catch (error) {
        files.set(name, { runs: [], errors: [`${name} could not be read: ${error.message}.`] });
      }
    }));
  } catch (error) {
    failures.push(location.protocol === 'file:'
      ? 'A page opened as a file may not read the files beside it. Choose the .jsonl files of benchmarks/results above, or drop them on this page.'
      : `The list of result files, files.json, could not be read: ${error.message}. Choose the .jsonl files above, or drop them on this page.`);
  }
  show();
}

async function text(address) {
  const answer = await fetch(address, { cache: 'no-store' });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.text();
}

async function take(given) {
  failures.length = 0;
  chosen.clear();
  await Promise.all([...given].map(async file => {
    try {
      read(file.name, await file.text());
    } catch (error) {
      files.set(file.name, { runs: [], errors: [`${file.name} could not be read: ${error.message}.`] });
    }
  }));
  show();
}

byId('choose').addEventListener('change', event => take(event.target.files));
for (const select of ['from', 'to']) byId(select).addEventListener('change', compare);
document.addEventListener('dragover', event => {
  event.preventDefault();
  document.body.classList.add('over');
});
document.addEventListener('dragleave', () => document.body.classList.remove('over'));
document.addEventListener('drop', event => {
  event.preventDefault();
  document.body.classList.remove('over');
  take(event.dataTransfer.files);
});
let resizing;
window.addEventListener('resize', () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => plots.forEach(p => p.drawn.setSize({ width: Math.max(120, p.place.clientWidth), height: p.height })), 100);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
load();
