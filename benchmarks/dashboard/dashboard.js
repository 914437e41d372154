// The benchmark page: reads the lines that Lookup.Load published and answers what is fast, what became worse, and against what.
// index.html states the rules of judgement; change them together with judge() and reached().
'use strict';

const ENOUGH = 3;
const WINDOW = 5;
const files = new Map();
const failures = [];
let goals = [];
let plots = [];
const drawings = new Map();
const opened = new Set();

// The cards: a question, and the figures that answer it.
const QUESTIONS = [
  ['How fast is a check?', {
    check_filter_decided: 'without facts',
    check_confirmed: 'read from redis',
    check_at_half_p50: 'half answer within',
    check_at_half_p99: '99 % answer within',
  }],
  ['How fast is a list?', {
    stream_filter_decided: 'without facts',
    stream_all_consented: 'read from redis',
    scrub_number: 'scrub, per number',
    scrub: 'scrub, whole file',
  }],
  ['When does an objection count?', {
    effect_check_p50: 'half are denied within',
    effect_check_p999: '99.9 % are denied within',
    effect_watch_p999: '99.9 % reach Watch within',
    effect_check_within_bound: 'within the freshness bound',
  }],
  ['How much processor time?', {
    check_filter_decided_cpu: 'without facts',
    check_confirmed_cpu: 'read from redis',
    check_with_receipts_cpu: 'with a receipt',
    stream_filter_decided_cpu: 'in a list',
  }],
  ['How long does a start take?', {
    growth_start: 'until SERVING',
    growth_checks: 'checks after the start',
  }],
  ['How much memory does it use?', {
    stream_memory_server: 'service, during lists',
    stream_sleep_server: 'service, clients do not read',
    growth_service_memory: 'service, by facts',
    growth_redis_memory: 'redis, by facts',
  }],
  ['How long do imports take?', {
    import_service: 'objections, by the service',
    register_first_load: 'first load of a register',
    register_switch: 'switch to a newer register',
    register_switch_check_p99: '99 % of checks meanwhile',
  }],
  ['Does other work delay a check?', {
    check_beside_streams_p99: '99 %, during lists',
    rebuild_check_p99: '99 %, during a rebuild',
    dialer_check_p99: '99 %, during objections',
  }],
];

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

// A figure as people read it: three digits, and the unit that suits its size.
function readable(value, unit) {
  const size = Math.abs(value);
  if (unit === 'us' && size >= 1000) return readable(value / 1000, 'ms');
  if (unit === 'ms' && size >= 10000) return readable(value / 1000, 's');
  if (unit === 'MB' && size >= 10000) return readable(value / 1000, 'GB');
  const digits = { maximumSignificantDigits: 3 };
  const number = size >= 1e6 ? (value / 1e6).toLocaleString('en', digits) + ' M' : value.toLocaleString('en', digits);
  return `${number} ${unit.replace(/^us\b/, 'µs')}`;
}

function times(ratio) {
  if (ratio > 0 && ratio < 0.1) return `1/${(1 / ratio).toLocaleString('en', { maximumSignificantDigits: 3 })} of`;
  return (ratio < 10 ? ratio.toFixed(2) : ratio.toLocaleString('en', { maximumSignificantDigits: 3 })) + ' ×';
}

const brief = value => new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 }).format(value);
const moment = run => run.time.slice(0, 16).replace('T', ' ');
const short = run => run.commit.slice(0, 9);
const machine = run => `${run.machine.cpu}, ${run.machine.cores} cores`;

function problem(run) {
  if (run === null || typeof run !== 'object' || Array.isArray(run)) return 'not a JSON object';
  for (const name of ['time', 'metric', 'unit', 'commit', 'command_line']) if (typeof run[name] !== 'string') return `${name} is not a string`;
  for (const name of ['baseline', 'note']) if (run[name] != null && typeof run[name] !== 'string') return `${name} is not a string`;
  if (typeof run.dirty !== 'boolean') return 'dirty is not true or false';
  if (Number.isNaN(Date.parse(run.time))) return 'time is not a time';
  for (const name of ['median', 'min', 'max']) if (!Number.isFinite(run[name])) return `${name} is not a number`;
  for (const name of ['baseline_median', 'baseline_min', 'baseline_max', 'ratio', 'ratio_low', 'ratio_high'])
    if (run[name] != null && !Number.isFinite(run[name])) return `${name} is not a number`;
  if (run.machine === null || typeof run.machine !== 'object') return 'machine is not an object';
  if (run.curve != null && !isCurve(run.curve)) return 'curve lacks an axis, a known scale or two points';
  return null;
}

function isCurve(curve) {
  return typeof curve.x === 'string' && Object.hasOwn(along, curve.scale) && Array.isArray(curve.points) && curve.points.length > 1
    && curve.points.every(p => Array.isArray(p) && Number.isFinite(p[0]) && Number.isFinite(p[1]) && (p[2] == null || Number.isFinite(p[2])) && Number.isFinite(along[curve.scale].to(p[0])));
}

// The axis of a curve is transformed before it is drawn: percentiles by the share beyond them.
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
    if (wrong) errors.push(`${name}, line ${i + 1}: ${wrong}. The page ignores the line.`);
    else runs.push(run);
  });
  if (!runs.length) errors.push(`${name}: it has no results.`);
  files.set(name, { runs: runs.sort((a, b) => Date.parse(a.time) - Date.parse(b.time)), errors });
}

function readGoals(text) {
  const read = JSON.parse(text);
  if (!Array.isArray(read)) throw new Error('not an array');
  read.forEach((goal, i) => {
    const whole = goal !== null && ['metric', 'goal', 'source'].every(name => typeof goal[name] === 'string') && ['median', 'ratio', 'added'].includes(goal.figure)
      && Number.isFinite(goal.at_least ?? goal.at_most);
    if (!whole) throw new Error(`goal ${i + 1} lacks a metric, a figure, a limit, a goal or a source`);
  });
  goals = read;
}

// 1: higher is better; -1: lower is better; 0: the unit does not decide it.
function direction(unit) {
  if (/\/s$/.test(unit) || unit === '%') return 1;
  return /^(s|ms|us|ns|[KMG]i?B)(\/|$)/.test(unit) || unit === 'bytes' ? -1 : 0;
}

function judge(runs, i) {
  const run = runs[i];
  if (run.dirty) return { state: 'dirty', text: 'not judged: the run is dirty' };
  const better = direction(run.unit);
  const earlier = runs.slice(0, i).filter(r => !r.dirty && machine(r) === machine(run) && r.unit === run.unit).slice(-WINDOW);
  if (!better) return { state: 'unjudged', text: 'not judged: neither side of the unit is better' };
  if (earlier.length < ENOUGH) return { state: 'unjudged', text: `not judged: ${earlier.length} earlier clean ${earlier.length === 1 ? 'run' : 'runs'} on this machine, ${ENOUGH} are needed` };
  const byRatio = [run, ...earlier].every(r => r.ratio != null && r.baseline === run.baseline);
  const value = r => byRatio ? r.ratio : r.median;
  const [low, high] = [Math.min(...earlier.map(value)), Math.max(...earlier.map(value))];
  const width = Math.max(high - low, 0.02 * Math.max(Math.abs(low), Math.abs(high)));
  const [below, above] = [low - width - value(run), value(run) - high - width];
  const [worse, gain] = better > 0 ? [below, above] : [above, below];
  const level = worse <= 0 ? null : worse > 3 * width ? 'severe' : worse > width ? 'warning' : 'note';
  const state = level ? 'worse' : gain > 0 ? 'better' : 'noise';
  const words = level ? `worse, ${level}` : state === 'better' ? 'better' : 'within noise';
  return { level, state, text: `${words}: ${byRatio ? 'ratio' : 'median'} ${figure(value(run))}, ${earlier.length} earlier runs ${figure(low)} to ${figure(high)}` };
}

// What a metric is now: its newest clean run and the judgement of it. Without one, the metric is dirty.
function now(runs) {
  const at = runs.findLastIndex(r => !r.dirty);
  return at < 0 ? { runs, state: 'dirty' } : { runs, run: runs[at], ...judge(runs, at) };
}

function series() {
  const all = new Map();
  for (const [name, { runs }] of files)
    for (const [metric, of] of Map.groupBy(runs, r => r.metric)) if (!all.has(metric)) all.set(metric, { file: name, ...now(of) });
  return all;
}

// A goal is met by the figure, or by an interval that includes it.
function reached(goal, run) {
  const value = goal.figure === 'added' ? (run.baseline_median == null ? null : run.median - run.baseline_median) : run[goal.figure];
  if (value == null) return null;
  const [low, high] = goal.figure === 'ratio' ? [run.ratio_low ?? value, run.ratio_high ?? value] : [value, value];
  const isMet = goal.at_least != null ? high >= goal.at_least : low <= goal.at_most;
  const unit = goal.figure === 'ratio' ? '' : ' ' + run.unit;
  const limit = `${goal.at_least != null ? 'at least' : 'at most'} ${figure(goal.at_least ?? goal.at_most)}${unit}`;
  return { isMet, limit, text: figure(value) + (low === high ? '' : ` (${figure(low)} to ${figure(high)})`) + unit };
}

function judgedGoals(all) {
  return goals.map(goal => {
    const run = all.get(goal.metric)?.run;
    const result = run ? reached(goal, run) : null;
    return { goal, run, result, state: !result ? 'unmeasured' : result.isMet ? 'met' : 'missed' };
  });
}

// A row of nulls between two runs of different machines or baselines breaks the line. An undefined value, of a dirty run, does not.
function table(runs, columns) {
  const rows = [];
  let before = null;
  runs.forEach((run, i) => {
    if (run.dirty) {
      rows.push([i, ...columns.map(() => undefined)]);
      return;
    }
    if (before && (machine(before) !== machine(run) || before.unit !== run.unit || before.baseline !== run.baseline)) rows.push([i - 0.5, ...columns.map(() => null)]);
    rows.push([i, ...columns.map(c => run[c] ?? null)]);
    before = run;
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
  const scale = yScale(runs.flatMap(run => columns.map(c => run[c])).filter(v => v != null));
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
            g.strokeStyle = colour(run.dirty ? 'dim' : lines[0].colour);
            g.lineWidth = dot;
            g.beginPath();
            g.moveTo(x, u.valToPos(run[low], 'y', true));
            g.lineTo(x, u.valToPos(run[high], 'y', true));
            g.stroke();
          }
          const value = run[columns[0]];
          if (run.dirty && value != null) {
            g.fillStyle = colour('dim');
            g.beginPath();
            g.arc(x, u.valToPos(value, 'y', true), 3 * dot, 0, 2 * Math.PI);
            g.fill();
          }
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

function card(file, name, runs, at, choose) {
  const box = make('article', 'card');
  box.dataset.metric = name;
  box.dataset.points = runs.length;
  box.tabIndex = -1;
  const head = box.appendChild(make('div', 'head'));
  head.appendChild(make('h3')).append(link(name, name));
  head.append(make('span', 'dim', runs.at(-1).unit));
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
  const newest = runs.findLastIndex(r => !r.dirty);
  let selected = Math.min(at ?? (newest < 0 ? runs.length - 1 : newest), runs.length - 1);
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
    box.classList.toggle('grey', run.dirty);
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
    list.replaceChildren(...parts.flatMap(([key, text]) => {
      const value = make('dd', key === 'commit' ? 'code' : null, key === 'command' ? null : text);
      if (key === 'command') value.append(...copyable(text));
      return [make('dt', null, key), value];
    }));
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
  if (runs.some(r => r.dirty)) entry('dim', 'dirty run, which does not count');
  box.dataset.words = `${name} ${file} ${runs.at(-1).unit} ${runs.at(-1).baseline ?? ''} ${runs.at(-1).note ?? ''} ${now(runs).text ?? 'no clean run'} ${runs.some(r => r.dirty) ? 'dirty' : ''}`.toLowerCase();
  select(selected);
  return {
    box,
    draw() {
      if (isDrawn) return;
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

function link(metric, text) {
  const a = make('a', null, text);
  a.href = '#' + encodeURIComponent(metric);
  return a;
}

function copyable(text) {
  const code = make('span', 'code', text);
  const button = make('button', null, 'copy');
  button.type = 'button';
  button.setAttribute('aria-label', 'Copy the command');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'copied';
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = 'selected';
    }
  });
  return [code, button];
}

function count(number, text, words, className) {
  const element = make(words ? 'a' : 'span', `count ${number ? className ?? '' : ''}`);
  element.append(make('b', null, number), ' ' + text);
  if (words) {
    element.href = words.startsWith('#') ? words : '#series';
    if (!words.startsWith('#')) element.addEventListener('click', () => filter(words));
  }
  return element;
}

const plural = (number, one) => `${number} ${one}${number === 1 ? '' : 's'}`;

function showVerdict(all, judged) {
  const [states, reachedStates] = [[...all.values()], judged].map(of => state => of.filter(s => s.state === state));
  const worse = states('worse');
  const [met, missed, unmeasured] = ['met', 'missed', 'unmeasured'].map(s => reachedStates(s));
  const judgedCount = worse.length + states('better').length + states('noise').length;
  const parts = [
    !all.size ? 'No results yet' : worse.length ? `${worse.length} series became worse` : judgedCount ? 'Nothing became worse' : 'No verdict yet: too few clean runs',
    met.length + missed.length ? `${met.length} of ${plural(met.length + missed.length, 'measured goal')} met` : null,
  ].filter(p => p);
  byId('headline').textContent = parts.join('; ') + '.';
  byId('verdict').dataset.worse = worse.length;
  byId('counts').replaceChildren(...!all.size ? [] : [
    count(worse.length, 'worse', 'worse,', 'bad'),
    count(states('noise').length, 'within noise', 'within noise'),
    count(states('better').length, 'better', 'better:', 'good'),
    count(states('unjudged').length, 'not judged', 'not judged'),
    count(states('dirty').length, 'without a clean run', 'no clean run'),
    ...goals.length ? [
      count(met.length, (met.length === 1 ? 'goal' : 'goals') + ' met', '#goals', 'good'),
      count(missed.length, 'missed', '#goals', 'bad'),
      count(unmeasured.length, 'not measured by a clean run', '#goals'),
    ] : [],
  ]);
  const finding = (className, mark, metric, text) => {
    const item = make('li');
    item.append(make('b', 'mark ' + className, mark), ' ', link(metric, metric), ' ' + text);
    return item;
  };
  byId('findings').replaceChildren(
    ...[...all].filter(([, s]) => s.state === 'worse').map(([metric, s]) => finding(s.level, s.level, metric, s.text)),
    ...missed.map(g => finding('missed', 'goal missed', g.goal.metric, `${g.result.text}; the goal is ${g.result.limit}: ${g.goal.goal}`)));
  const newest = [...all.values()].map(s => s.run).filter(r => r).sort((a, b) => Date.parse(a.time) - Date.parse(b.time)).at(-1);
  const lines = [...files.values()].reduce((sum, f) => sum + f.runs.length, 0);
  byId('state').textContent = !lines ? 'Choose or drop the .jsonl files of benchmarks/results.'
    : (newest ? `Newest clean run: ${moment(newest)} UTC, commit ${short(newest)}, ${machine(newest)}. ` : 'No run is clean. ') + `${plural(lines, 'result')} in ${plural(files.size, 'file')}.`;
  byId('key').hidden = !all.size;
}

function row(metric, label, found, judgedGoal) {
  const box = make('div', 'row');
  box.dataset.row = metric;
  const line = box.appendChild(make('div', 'line'));
  line.append(found ? link(metric, label) : make('span', 'dim', label));
  const run = found?.run;
  if (!run) {
    line.append(make('b', 'none', found ? 'no clean run' : 'not measured'));
    return box;
  }
  line.firstChild.title = run.note ?? '';
  line.append(make('b', null, readable(run.median, run.unit)));
  if (run.baseline_median != null) {
    const bars = box.appendChild(make('div', 'bars'));
    const most = Math.max(run.median, run.baseline_median) || 1;
    for (const value of [run.median, run.baseline_median]) bars.appendChild(make('i')).style.width = `${Math.max(0, 100 * value / most)}%`;
  }
  const beside = box.appendChild(make('div', 'beside'));
  if (run.baseline_median != null) {
    // The unit of both is named once.
    const [own, other] = [run.median, run.baseline_median].map(value => readable(value, run.unit));
    const unit = own.slice(own.lastIndexOf(' '));
    beside.append(make('span', null, (run.ratio == null ? '' : times(run.ratio) + ' ') + `${run.baseline}: ${other.endsWith(unit) ? other.slice(0, -unit.length) : other}`));
  }
  if (run.curve?.scale === 'log' && run.curve.points.length < 6)
    beside.append(make('span', null, run.curve.points.map(p => `${brief(p[0])}: ${readable(p[1], run.unit)}`).join(' · ')));
  const chips = beside.appendChild(make('span', 'chips'));
  if (judgedGoal?.result) {
    const chip = chips.appendChild(make('b', 'mark ' + judgedGoal.state, judgedGoal.state === 'met' ? '✓ goal' : '✗ goal missed'));
    chip.title = `${judgedGoal.goal.goal}: ${judgedGoal.result.text}, ${judgedGoal.result.limit}`;
  }
  const state = { worse: found.level, better: 'better', noise: 'within noise' }[found.state];
  if (state) chips.appendChild(make('b', `mark ${found.state === 'worse' ? found.level : found.state}`, state)).title = found.text;
  if (!beside.firstChild.textContent && !chips.childElementCount) beside.remove();
  return box;
}

function showQuestions(all, judged) {
  byId('questions').replaceChildren(...!all.size ? [] : QUESTIONS.map(([question, rows]) => {
    const box = make('section', 'card');
    box.append(make('h2', null, question));
    const commands = new Map();
    for (const [metric, label] of Object.entries(rows)) {
      const found = all.get(metric);
      box.append(row(metric, label, found, judged.find(g => g.goal.metric === metric)));
      const run = found?.run ?? found?.runs.at(-1);
      if (run && !commands.has(run.command_line)) commands.set(run.command_line, found.run ?? null);
    }
    if (!commands.size) return box;
    const repeat = box.appendChild(make('details', 'repeat'));
    const days = [...commands.values()].filter(r => r).map(r => r.time.slice(0, 10)).sort();
    repeat.append(make('summary', null, 'repeat it' + (days.length ? ` (${days[0] === days.at(-1) ? days[0] : days[0] + ' to ' + days.at(-1)})` : '')));
    for (const [command, run] of commands) {
      const line = repeat.appendChild(make('div'));
      line.append(...copyable(command), make('div', null, run ? `${moment(run)} UTC, commit ${short(run)}` : 'no clean run yet'));
    }
    return box;
  }));
}

function showGoals(judged) {
  byId('goals').hidden = !judged.length;
  byId('goals').querySelector('tbody').replaceChildren(...judged.map(({ goal, run, result, state }) => {
    const line = make('tr');
    line.append(make('td', null, goal.goal), make('td', 'number', result ? `${result.text}; goal: ${result.limit}` : run ? 'the run lacks the figure' : 'no clean run'));
    line.appendChild(make('td')).append(make('b', `mark ${state === 'unmeasured' ? 'noise' : state}`, state === 'unmeasured' ? 'not measured' : state));
    line.appendChild(make('td')).append(drawings.has(goal.metric) ? link(goal.metric, goal.metric) : goal.metric);
    line.append(make('td', null, goal.source));
    return line;
  }));
}

const chosen = new Map();

function showSeries() {
  drawings.clear();
  byId('groups').replaceChildren(...[...files].filter(([, f]) => f.runs.length).map(([name, { runs }]) => {
    const group = make('details', 'group');
    const metrics = make('div', 'metrics');
    const states = [];
    for (const [metric, of] of Map.groupBy(runs, r => r.metric)) {
      const key = `${name} ${metric}`;
      const one = card(name, metric, of, chosen.get(key), i => chosen.set(key, i));
      metrics.append(one.box);
      if (!drawings.has(metric)) drawings.set(metric, one);
      one.box.draw = one.draw;
      states.push(now(of).state);
    }
    const of = state => states.filter(s => s === state).length;
    const summary = make('summary');
    summary.append(make('b', null, name.replace(/\.jsonl$/, '')), make('span', 'dim', [`${states.length} series`, ...[['worse', 'worse'], ['better', 'better'], ['noise', 'within noise'], ['dirty', 'without a clean run']]
      .filter(([s]) => of(s)).map(([s, text]) => `${of(s)} ${text}`)].join(', ')));
    group.append(summary, metrics);
    group.dataset.file = name;
    group.open = opened.has(name);
    group.addEventListener('toggle', () => {
      if (!byId('filter').value) opened[group.open ? 'add' : 'delete'](name);
      drawOpen();
    });
    return group;
  }));
}

// Plots are drawn when their group opens: a closed one has no width.
function drawOpen() {
  for (const article of document.querySelectorAll('.group[open] article:not([hidden])')) article.draw();
  fit();
}

function fit() {
  for (const p of plots) if (p.place.clientWidth && p.drawn.width !== Math.max(120, p.place.clientWidth)) p.drawn.setSize({ width: Math.max(120, p.place.clientWidth), height: p.height });
}

function filter(words) {
  if (words !== undefined) byId('filter').value = words;
  const asked = byId('filter').value.trim().toLowerCase();
  let shown = 0;
  for (const group of document.querySelectorAll('.group')) {
    let inGroup = 0;
    for (const article of group.querySelectorAll('article')) {
      article.hidden = !article.dataset.words.includes(asked);
      inGroup += !article.hidden;
    }
    group.hidden = !inGroup;
    group.open = asked ? inGroup > 0 : opened.has(group.dataset.file);
    shown += inGroup;
  }
  byId('found').textContent = asked ? `${shown} of ${document.querySelectorAll('article').length} series` : '';
  drawOpen();
}

// Opens and scrolls to what the address names: a section, or the series of a metric.
function follow() {
  let name;
  try {
    name = decodeURIComponent(location.hash.slice(1));
  } catch {
    return;
  }
  document.querySelector('article.aim')?.classList.remove('aim');
  if (!name) return;
  const part = document.querySelector('main').querySelector(`:scope > [id="${CSS.escape(name)}"]`);
  if (part) {
    if (part.tagName === 'DETAILS') part.open = true;
    part.scrollIntoView();
    return;
  }
  const box = drawings.get(name)?.box;
  if (!box) {
    byId('found').textContent = files.size ? `No series is named ${name}.` : '';
    return;
  }
  if (box.hidden) filter('');
  box.closest('.group').open = true;
  drawOpen();
  box.classList.add('aim');
  box.focus({ preventScroll: true });
  box.scrollIntoView();
}

function show() {
  plots.forEach(p => p.drawn.destroy());
  plots = [];
  const errors = [...failures, ...[...files.values()].flatMap(f => f.errors)];
  byId('errors').replaceChildren(...errors.map(text => make('p', 'error', text)));
  const all = series();
  const judged = judgedGoals(all);
  showSeries();
  showVerdict(all, judged);
  showQuestions(all, judged);
  showGoals(judged);
  showCommits();
  filter();
  follow();
  document.body.dataset.ready = 'true';
}

async function load() {
  try {
    const names = await text('files.json').then(JSON.parse);
    try {
      readGoals(await text('../results/goals.json'));
    } catch (error) {
      failures.push(`goals.json could not be read: ${error.message}. The page shows no goals.`);
    }
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
      ? 'A page opened as a file may not read the files beside it. Choose the .jsonl files and goals.json of benchmarks/results below, or drop them on this page.'
      : `The list of result files, files.json, could not be read: ${error.message}. Choose the .jsonl files and goals.json below, or drop them on this page.`);
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
      if (file.name === 'goals.json') readGoals(await file.text());
      else read(file.name, await file.text());
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
  resizing = setTimeout(fit, 100);
});
byId('filter').addEventListener('input', () => filter());
window.addEventListener('hashchange', follow);
// A second click on the same link changes no address.
document.addEventListener('click', event => {
  const hash = event.target.closest?.('a[href^="#"]')?.hash;
  if (hash && hash === location.hash) follow();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
load();
