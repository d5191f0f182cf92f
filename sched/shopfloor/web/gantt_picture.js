// The picture: rows, colours and everything that is drawn on the one canvas, the size of the window and drawn
// again at every scroll, so that only what is visible costs. Shares one scope with gantt_controls.js; text from
// the data reaches the page by fillText and textContent only.
const plan = JSON.parse(document.getElementById("plan").textContent);
const $ = (id) => document.getElementById(id);
const stage = $("stage"), sizer = $("sizer"), canvas = $("canvas"), ctx = canvas.getContext("2d");
const LABEL = 196, AXIS = 44, ROW = 22, HEAD = 24, DAY = 1440;
const FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif';
const INK = "#1c2430", SOFT = "#5b6675", LINE = "#dfe4ea", BAD = "#b3261e";
const SHIFT = ["#ffffff", "#fdf6e3", "#ebe9f6"], CLOSED = "#e9ecf0", BEYOND = ["", "#d99a00", "#6a4fc3"];
const LATENESS = [
  ["on time, a day or more to spare", "#4f9d8f"], ["on time, less than a day", "#a9bf5a"],
  ["late, up to a day", "#efac3c"], ["late, up to 5 days", "#dd6b33"], ["late, more than 5 days", "#a92243"],
];
const PALETTE = ["#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#edc948", "#76b7b2", "#e15759", "#9c755f",
  "#6b8fd6", "#d37295", "#8cb369", "#c29545", "#499894", "#a0796d", "#7f6fb5", "#5f9ea0"];

// ---- layout: rows grouped by work centre, all of them or those that an older plan saw otherwise ----
let lines = [], height = 0, only = false;
plan.rows.forEach((row) => { row.bars = []; row.isChanged = false; });
plan.bars.forEach((bar) => {
  plan.rows[bar.row].bars.push(bar);
  if (bar.change) plan.rows[bar.row].isChanged = true;
  if (bar.was && bar.was.row >= 0) plan.rows[bar.was.row].isChanged = true;
});
plan.rows.forEach((row) => row.bars.sort((a, b) => a.start - b.start));
function layOut() {
  const counts = new Map();
  let centre = null;
  lines = [];
  height = 0;
  plan.rows.forEach((row) => {
    row.isShown = !only || row.isChanged;
    if (row.isShown) counts.set(row.centre, (counts.get(row.centre) || 0) + 1);
  });
  plan.rows.forEach((row, index) => {
    if (!row.isShown) return;
    if (row.centre !== centre) {
      centre = row.centre;
      lines.push({ head: centre, count: counts.get(centre), y: height, h: HEAD });
      height += HEAD;
    }
    row.y = height;
    lines.push({ row: index, y: height, h: ROW });
    height += ROW;
  });
}
layOut();
const families = [...new Set(plan.jobs.map((job) => job.family))].sort();
const familyColour = new Map(families.map((name, i) => [name, PALETTE[i % PALETTE.length]]));
plan.jobs.forEach((job) => { job.last = null; });
plan.bars.forEach((bar) => {
  const job = plan.jobs[bar.job];
  if (job && (!job.last || bar.end > job.last.end)) job.last = bar;
});

let scale = 1, colour = "lateness", zoom = "week", wanted = null, hits = [], hit = -1, hover = null, queued = false, tags = [];

const ageOf = (job) => {
  const late = job.end - job.due;
  return late > 5 * DAY ? 4 : late > DAY ? 3 : late > 0 ? 2 : late > -DAY ? 1 : 0;
};
const colourOf = (bar) => {
  const job = plan.jobs[bar.job];
  if (colour === "changes") return changeColour(bar);
  if (!job) return SOFT;
  return colour === "family" ? familyColour.get(job.family) : LATENESS[ageOf(job)][1];
};
const isLight = (hex) => {
  const n = parseInt(hex.slice(1), 16);
  return 0.299 * (n >> 16) + 0.587 * ((n >> 8) & 255) + 0.114 * (n & 255) > 150;
};
const days = (minutes) => {
  const value = Math.abs(minutes);
  const text = value < 60 ? `${value} min` : value < DAY ? `${(value / 60).toFixed(1)} h` : `${(value / DAY).toFixed(1)} d`;
  return text.replace(" ", "\u00a0");
};
const stripes = (() => {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const pen = tile.getContext("2d");
  pen.fillStyle = "#39424e";
  pen.fillRect(0, 0, 6, 6);
  pen.strokeStyle = "#aeb7c2";
  pen.lineWidth = 1.6;
  pen.beginPath();
  for (const shift of [-6, 0, 6]) { pen.moveTo(shift - 1, 7); pen.lineTo(shift + 7, -1); }
  pen.stroke();
  return ctx.createPattern(tile, "repeat");
})();

// ---- drawing ----
const x = (minute) => LABEL + (minute - plan.start) * scale - stage.scrollLeft;
const minuteAt = (px) => (px - LABEL + stage.scrollLeft) / scale + plan.start;
const y = (line) => AXIS + line - stage.scrollTop;
const fit = (text, width) => {
  if (ctx.measureText(text).width <= width) return text;
  let n = Math.min(text.length, Math.ceil(width / 4));
  while (n > 0 && ctx.measureText(text.slice(0, n) + "…").width > width) n -= 1;
  return n > 0 ? text.slice(0, n) + "…" : "";
};

function draw() {
  queued = false;
  const w = stage.clientWidth, h = stage.clientHeight, ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
    canvas.style.width = `${w}px`;
    canvas.style.height = `${h}px`;
  }
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, w, h);
  ctx.textBaseline = "middle";
  const from = minuteAt(LABEL), to = minuteAt(w);
  const visible = lines.filter((line) => y(line.y) < h && y(line.y + line.h) > AXIS);
  for (const line of visible) {
    if (line.row === undefined) drawBand(line, w);
    else drawShifts(plan.rows[line.row], from, to, w);
  }
  drawGrid(from, to, h);
  for (const line of visible) if (line.row !== undefined) drawBars(plan.rows[line.row], from, to);
  drawGhosts();
  drawMarks(h);
  for (const line of visible) drawLabel(line);
  drawTags(h);
  drawAxis(from, to, w);
  if (!plan.bars.length || !lines.length) {
    ctx.fillStyle = SOFT;
    ctx.font = `15px ${FONT}`;
    ctx.textAlign = "center";
    ctx.fillText(plan.bars.length ? "Nothing changed." : "No operation has a place in this plan.", (w + LABEL) / 2, Math.min(h - 30, Math.max(60, AXIS + height + 36)));
    ctx.textAlign = "left";
  }
}

function drawShifts(row, from, to, w) {
  const at = y(row.y);
  ctx.fillStyle = CLOSED;
  ctx.fillRect(LABEL, at, w - LABEL, ROW);
  for (const [start, end, kind] of plan.shifts[row.calendar] || []) {
    if (end <= from) continue;
    if (start >= to) break;
    ctx.fillStyle = SHIFT[kind];
    ctx.fillRect(x(start), at, Math.max(0.5, (end - start) * scale), ROW);
  }
  ctx.fillStyle = LINE;
  ctx.fillRect(LABEL, at + ROW - 1, w - LABEL, 1);
}

function drawGrid(from, to, h) {
  for (const day of plan.days) {
    if (day.start < from - DAY || day.start > to) continue;
    ctx.fillStyle = day.isMonday ? "#aab4c0" : "#d3d9e0";
    if (day.isMonday || DAY * scale > 8) ctx.fillRect(Math.round(x(day.start)), AXIS, 1, h);
  }
}

function drawBars(row, from, to) {
  const at = y(row.y);
  for (const bar of row.bars) {
    if (bar.end <= from) continue;
    if (bar.start >= to) break;
    const job = plan.jobs[bar.job], fill = colourOf(bar);
    ctx.globalAlpha = (wanted && !wanted.has(bar)) || (only && !bar.change && !wanted) ? 0.13 : 1;
    ctx.fillStyle = fill;
    const alpha = ctx.globalAlpha;
    ctx.globalAlpha = alpha * 0.38;
    ctx.fillRect(x(bar.start), at + ROW / 2 - 1, (bar.end - bar.start) * scale, 2);
    ctx.globalAlpha = alpha;
    let widest = null;
    for (const [isRun, start, end, kind] of bar.blocks) {
      const left = x(start), width = Math.max(1, (end - start) * scale - (scale > 0.05 ? 1 : 0));
      ctx.fillStyle = isRun ? fill : stripes;
      ctx.fillRect(left, at + 3, width, ROW - 7);
      if (isRun && (!widest || width > widest[1])) widest = [left, width];
      if (kind) {
        ctx.fillStyle = BEYOND[kind];
        ctx.fillRect(left, at + 1, width, 3);
      }
      if (bar.fixed) {
        ctx.strokeStyle = INK;
        ctx.lineWidth = 1.5;
        ctx.setLineDash(bar.running ? [] : [3, 2]);
        ctx.strokeRect(left + 0.75, at + 3.75, Math.max(1, width - 1.5), ROW - 8.5);
        ctx.setLineDash([]);
      }
      if (job && job.late > 0) {
        ctx.fillStyle = BAD;
        ctx.fillRect(left, at + ROW - 4, width, 2);
      }
    }
    if (widest && widest[1] > 26) {
      ctx.font = `11px ${FONT}`;
      ctx.fillStyle = isLight(fill) ? INK : "#fff";
      const indent = bar.change && colour !== "changes" && widest[0] - x(bar.start) < 9 ? 8 : 0;
      const left = Math.max(widest[0], LABEL) + indent, room = widest[0] + widest[1] - left - 8;
      const text = fit(job ? job.id : bar.id, room);
      if (text.length > 5 || !text.endsWith("…")) ctx.fillText(text, left + 4, at + ROW / 2 - 0.5);
    }
    drawChange(bar, at);
    if (bar.fixed === "pinned") drawPin(bar, at);
    if (job && job.late > 0 && job.last === bar) drawLateMark(job, bar, at);
    if (bar === hover) {
      ctx.strokeStyle = INK;
      ctx.lineWidth = 1.5;
      ctx.strokeRect(x(bar.start) - 1, at + 1, (bar.end - bar.start) * scale + 2, ROW - 3);
    }
    ctx.globalAlpha = 1;
  }
}

function drawPin(bar, at) {
  const left = x(bar.end) - 7;
  if (left - x(bar.start) < 4) return;
  ctx.fillStyle = INK;
  ctx.strokeStyle = "#fff";
  ctx.lineWidth = 1.2;
  ctx.beginPath();
  ctx.arc(left, at + 7, 3.6, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
  ctx.fillRect(left - 0.8, at + 10, 1.6, 6);
}

function vertical(minute, style, dash, text, h) {
  const at = Math.round(x(minute)) + 0.5;
  if (at < LABEL) return;
  ctx.strokeStyle = style;
  ctx.lineWidth = 1.5;
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(at, AXIS);
  ctx.lineTo(at, h);
  ctx.stroke();
  ctx.setLineDash([]);
  if (text) tags.push([at, text, style]);
}

function drawTags(h) {
  ctx.font = `600 10.5px ${FONT}`;
  tags.forEach(([at, text, style], i) => {
    const low = h - 18 - 17 * i;
    ctx.fillStyle = style;
    ctx.fillRect(at, low, ctx.measureText(text).width + 8, 15);
    ctx.fillStyle = "#fff";
    ctx.fillText(text, at + 4, low + 8);
  });
}

function drawMarks(h) {
  tags = [];
  if (plan.freeze > plan.now) {
    const left = Math.max(LABEL, x(plan.now)), right = x(plan.freeze);
    ctx.fillStyle = "rgba(31,95,191,.07)";
    if (right > left) ctx.fillRect(left, AXIS, right - left, h);
    vertical(plan.freeze, "#1f5fbf", [4, 3], "frozen until", h);
  }
  vertical(plan.now, "#c2185b", [], "now", h);
  const jobs = wanted ? [...new Set([...wanted].map((bar) => bar.job))] : [];
  if (jobs.length !== 1 || jobs[0] < 0) return;
  const job = plan.jobs[jobs[0]], path = [...wanted].sort((a, b) => a.start - b.start);
  ctx.strokeStyle = INK;
  ctx.lineWidth = 1.2;
  for (let i = 1; i < path.length; i += 1) {
    const a = path[i - 1], b = path[i];
    if (!plan.rows[a.row].isShown || !plan.rows[b.row].isShown) continue;
    ctx.beginPath();
    ctx.moveTo(x(a.end), y(plan.rows[a.row].y) + ROW / 2);
    ctx.lineTo(x(b.start), y(plan.rows[b.row].y) + ROW / 2);
    ctx.stroke();
  }
  vertical(job.due, BAD, [6, 4], `${job.id} due`, h);
}

function drawBand(line, w) {
  ctx.fillStyle = "#eef1f5";
  ctx.fillRect(0, y(line.y), w, HEAD);
  ctx.fillStyle = LINE;
  ctx.fillRect(0, y(line.y) + HEAD - 1, w, 1);
}

function drawLabel(line) {
  const at = y(line.y);
  if (line.head !== undefined) {
    drawBand(line, LABEL);
    ctx.fillStyle = INK;
    ctx.font = `600 12px ${FONT}`;
    ctx.fillText(fit(line.head, LABEL - 50), 12, at + HEAD / 2);
    const wide = ctx.measureText(fit(line.head, LABEL - 50)).width;
    ctx.fillStyle = SOFT;
    ctx.font = `11px ${FONT}`;
    ctx.fillText(`${line.count}`, 20 + wide, at + HEAD / 2 + 0.5);
    return;
  }
  const row = plan.rows[line.row];
  ctx.fillStyle = "#fff";
  ctx.fillRect(0, at, LABEL, ROW);
  ctx.fillStyle = LINE;
  ctx.fillRect(0, at + ROW - 1, LABEL, 1);
  ctx.fillRect(LABEL - 62, at + 8, 26, 5);
  ctx.fillStyle = row.use > 90 ? "#dd6b33" : "#6f8fb3";
  ctx.fillRect(LABEL - 62, at + 8, 26 * Math.min(1, row.use / 100), 5);
  ctx.font = `12px ${FONT}`;
  ctx.fillStyle = INK;
  ctx.fillText(fit(row.machine, LABEL - 92), 22, at + ROW / 2);
  ctx.fillStyle = SOFT;
  ctx.font = `10.5px ${FONT}`;
  ctx.textAlign = "right";
  ctx.fillText(`${row.use}%`, LABEL - 8, at + ROW / 2);
  ctx.textAlign = "left";
}

const redraw = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } };
