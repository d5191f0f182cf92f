// The controls: zoom, search, legend, list of late jobs, hover and the first view. Draws nothing itself.
// ---- zoom and scroll ----
function setScale(next, minute, px) {
  scale = next;
  sizer.style.width = `${Math.max(stage.clientWidth, LABEL + (plan.end - plan.start) * scale)}px`;
  sizer.style.height = `${Math.max(stage.clientHeight, AXIS + height + 8)}px`;
  stage.scrollLeft = (minute - plan.start) * scale - (px - LABEL);
  redraw();
}
function setZoom(name) {
  const room = stage.clientWidth - LABEL - 4, all = room / (plan.end - plan.start);
  const anchor = zoom === "all" ? plan.now : minuteAt(LABEL);
  zoom = name;
  press("[data-zoom]", (button) => button.dataset.zoom === name);
  setScale(name === "all" ? all : Math.max(all, room / (name === "day" ? DAY : 7 * DAY)), anchor, LABEL);
}
function setOnly(on) {
  only = on && plan.changes !== null;
  $("only").setAttribute("aria-pressed", String(only));
  layOut();
  sizer.style.height = `${Math.max(stage.clientHeight, AXIS + height + 8)}px`;
  redraw();
}
function press(selector, isOn) {
  document.querySelectorAll(selector).forEach((button) => button.setAttribute("aria-pressed", String(isOn(button))));
}
function goTo(bar) {
  if (!plan.rows[bar.row].isShown) setOnly(false);
  const old = bar.was ? Math.min(bar.was.start, bar.start) : bar.start;
  const first = (bar.end - old) * scale < stage.clientWidth - LABEL - 100 ? old : bar.start; // the ghost too, if it fits
  stage.scrollLeft = Math.max(0, (first - plan.start) * scale - 80);
  stage.scrollTop = Math.max(0, plan.rows[bar.row].y - stage.clientHeight / 2 + AXIS);
  redraw();
}

// ---- search ----
function find(text, exact) {
  const query = text.trim().toLowerCase();
  const matches = (value) => (exact ? value.toLowerCase() === query : value.toLowerCase().includes(query));
  hits = !query ? [] : plan.bars.filter((bar) => {
    const job = plan.jobs[bar.job];
    return (job && (matches(job.id) || matches(job.family))) || matches(bar.id);
  }).sort((a, b) => a.start - b.start);
  wanted = query ? new Set(hits) : null;
  hit = -1;
  const n = new Set(hits.map((bar) => bar.job)).size;
  $("found").textContent = query ? `${n} job${n === 1 ? "" : "s"}` : "";
  press("#panel button", (button) => query !== "" && button.dataset.job === text);
  redraw();
}
const findNext = () => { if (hits.length) { hit = (hit + 1) % hits.length; goTo(hits[hit]); } };

// ---- pieces of the page ----
function make(tag, text, parent, name) {
  const node = document.createElement(tag);
  if (text !== null) node.textContent = text;
  if (name) node.className = name;
  parent.appendChild(node);
  return node;
}
function swatch(label, paint, parent) {
  const item = make("span", null, parent), tile = make("canvas", null, item);
  tile.width = 16;
  tile.height = 11;
  paint(tile.getContext("2d"));
  item.appendChild(document.createTextNode(label));
}
function legend() {
  const box = $("legend");
  box.textContent = "";
  const flat = (fill) => (pen) => { pen.fillStyle = fill; pen.fillRect(0, 0, 16, 11); };
  const grey = flat("#cfd6de");
  if (colour === "lateness") LATENESS.forEach(([label, fill]) => swatch(label, flat(fill), box));
  else if (colour === "changes") {
    Object.values(CHANGES).forEach(([label, fill]) => swatch(label, flat(fill), box));
    swatch("where it was", flat(SAME), box);
  }
  else if (colour === "family") {
    families.slice(0, 16).forEach((name) => swatch(name, flat(familyColour.get(name)), box));
    if (families.length > 16) make("span", `+ ${families.length - 16} more families, colours repeat`, box);
  }
  swatch("setup", flat(stripes), box);
  swatch("late job", (pen) => { grey(pen); pen.fillStyle = BAD; pen.fillRect(0, 8, 16, 3); }, box);
  if (plan.changes) {
    if (colour !== "changes") swatch("changed", (pen) => { grey(pen); pen.fillStyle = CHANGES["other machine"][1]; pen.beginPath(); pen.moveTo(0, 0); pen.lineTo(10, 0); pen.lineTo(0, 10); pen.fill(); }, box);
    swatch("newly late", (pen) => { pen.fillStyle = BAD; pen.beginPath(); pen.arc(8, 5.5, 5.5, 0, 7); pen.fill(); pen.fillStyle = "#fff"; pen.fillRect(7.2, 2, 1.8, 4.6); pen.fillRect(7.2, 7.6, 1.8, 1.8); }, box);
  }
  const has = (kind) => plan.bars.some((bar) => bar.fixed === kind);
  const outline = (dash) => (pen) => { grey(pen); pen.strokeStyle = INK; pen.lineWidth = 2; pen.setLineDash(dash); pen.strokeRect(1, 1, 14, 9); };
  if (has("in progress")) swatch("running", outline([]), box);
  if (has("frozen")) swatch("frozen", outline([3, 2]), box);
  if (has("pinned")) swatch("pinned", (pen) => { outline([3, 2])(pen); pen.fillStyle = INK; pen.setLineDash([]); pen.beginPath(); pen.arc(11, 4, 2.8, 0, 7); pen.fill(); }, box);
  swatch("overtime", (pen) => { flat("#f3e3b3")(pen); pen.fillStyle = BEYOND[1]; pen.fillRect(0, 0, 16, 3); }, box);
  swatch("night", (pen) => { flat("#cdc8e8")(pen); pen.fillStyle = BEYOND[2]; pen.fillRect(0, 0, 16, 3); }, box);
  swatch("closed", flat("#d5dae0"), box);
}
function panel() {
  const box = $("panel"), late = plan.jobs.filter((job) => job.late > 0);
  late.sort((a, b) => b.newlyLate - a.newlyLate || b.weight * b.late - a.weight * a.late || (a.id < b.id ? -1 : 1));
  make("h2", `Late jobs (${late.length})`, box);
  if (!late.length) make("p", "Every job is done by its due date.", box);
  const list = make("ol", null, box);
  late.slice(0, 300).forEach((job) => {
    const button = make("button", null, make("li", null, list));
    button.type = "button";
    button.dataset.job = job.id;
    const name = make("b", job.id, button);
    if (job.newlyLate) make("mark", "new", name);
    make("em", job.isLeftOut ? "left out" : `${days(job.late)} late`, button);
    const sunk = job.sunk > 0 ? `, ${days(Math.min(job.sunk, job.late))} unavoidable` : "";
    make("small", `${job.family}, weight ${job.weight}, due ${job.dueText}${sunk}`, button);
    button.addEventListener("click", () => { $("search").value = job.id; find(job.id, true); findNext(); });
  });
  if (late.length > 300) make("p", `and ${late.length - 300} more`, box);
  make("h2", `Left out of the plan (${plan.unassigned.length})`, box);
  if (!plan.unassigned.length) make("p", "Nothing: every operation has a place.", box);
  plan.unassigned.slice(0, 300).forEach(([id, code, detail]) => make("p", `${id}: ${code}${detail ? ` (${detail})` : ""}`, box));
  const toggle = () => {
    const shown = !box.hidden;
    $("toggle").textContent = shown ? "Hide list" : `Late jobs (${late.length})`;
    $("toggle").setAttribute("aria-expanded", String(shown));
  };
  $("toggle").addEventListener("click", () => { box.hidden = !box.hidden; toggle(); setZoom(zoom); });
  toggle();
}

// ---- hover ----
function barAt(px, py) {
  if (px < LABEL || py < AXIS) return null;
  const line = lines.find((item) => item.row !== undefined && py >= y(item.y) && py < y(item.y + item.h));
  if (!line) return null;
  const minute = minuteAt(px), slack = 2 / scale;
  const near = plan.rows[line.row].bars.filter((bar) => minute >= bar.start - slack && minute <= bar.end + slack);
  return near.find((bar) => minute >= bar.start && minute < bar.end) || near[0] || null;
}
function showTip(bar, px, py) {
  const tip = $("tip");
  tip.hidden = !bar;
  if (!bar) return;
  const job = plan.jobs[bar.job], row = plan.rows[bar.row];
  tip.textContent = "";
  make("strong", job ? `${job.id}` : bar.id, tip);
  const grid = make("div", null, tip);
  const entry = (name, value, css) => { make("i", name, grid); make("span", value, grid, css); };
  entry("operation", bar.id);
  if (job) entry("family", job.family);
  entry("machine", `${row.machine} (${row.centre})`);
  entry("from", bar.startText);
  entry("to", bar.endText);
  entry("work", `${bar.setup ? `${bar.setup} min setup + ` : ""}${bar.run} min run`);
  const beyond = bar.blocks.reduce((sum, [, start, end, kind]) => sum + (kind ? end - start : 0), 0);
  entry("level", beyond ? `${bar.level}, ${days(beyond)} beyond regular time` : bar.level);
  if (bar.fixed) entry("fixed", bar.fixed);
  changeEntries(bar, job, entry);
  if (job) {
    entry("due", job.dueText);
    entry("done", job.isLeftOut ? "never: an operation is left out" : job.endText);
    if (job.isLeftOut) entry("lateness", "to the end of the horizon", "late");
    else if (job.late > 0) entry("lateness", `${days(job.late)} late${job.sunk > 0 ? `, ${days(Math.min(job.sunk, job.late))} unavoidable` : ""}`, "late");
    else entry("slack", days(job.due - job.end));
    if (job.why) entry("why", job.why);
    entry("weight", `${job.weight}`);
  }
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.min(px + 16, innerWidth - box.width - 8)}px`;
  tip.style.top = `${py + 18 + box.height > innerHeight ? py - box.height - 12 : py + 18}px`;
}
canvas.addEventListener("mousemove", (event) => {
  const box = canvas.getBoundingClientRect();
  const bar = barAt(event.clientX - box.left, event.clientY - box.top);
  if (bar !== hover) { hover = bar; redraw(); }
  canvas.style.cursor = bar ? "pointer" : "default";
  showTip(bar, event.clientX, event.clientY);
});
canvas.addEventListener("mouseleave", () => { hover = null; showTip(null); redraw(); });
canvas.addEventListener("click", () => {
  const job = hover && plan.jobs[hover.job];
  $("search").value = job ? job.id : "";
  find(job ? job.id : "", true);
});
stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  const px = event.clientX - canvas.getBoundingClientRect().left;
  zoom = "free";
  press("[data-zoom]", () => false);
  const least = (stage.clientWidth - LABEL - 4) / (plan.end - plan.start);
  setScale(Math.min(20, Math.max(least, scale * Math.exp(-event.deltaY / 300))), minuteAt(px), px);
}, { passive: false });
stage.addEventListener("scroll", () => { showTip(null); redraw(); });
window.addEventListener("resize", () => (zoom === "free" ? redraw() : setZoom(zoom)));
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== $("search")) { event.preventDefault(); $("search").focus(); }
  if (event.key === "c" && event.target === document.body && plan.changes) setOnly(!only);
  if (event.key === "Escape") { $("search").value = ""; find(""); }
});
$("search").addEventListener("input", (event) => find(event.target.value));
$("search").addEventListener("keydown", (event) => { if (event.key === "Enter") findNext(); });
$("only").addEventListener("click", () => setOnly(!only));
$("now").addEventListener("click", () => { stage.scrollLeft = Math.max(0, (plan.now - plan.start) * scale - 40); redraw(); });
document.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => setZoom(button.dataset.zoom)));
document.querySelectorAll("[data-colour]").forEach((button) => button.addEventListener("click", () => setColour(button.dataset.colour)));
function setColour(name) {
  colour = name;
  press("[data-colour]", (button) => button.dataset.colour === name);
  legend();
  redraw();
}

// ---- first picture; `#all`, `#day`, `#family`, `#changes`, `#changed` and `#find=JOB` in the address open it so ----
const wish = decodeURIComponent(location.hash.slice(1)).split("&");
const n = plan.bars.length, count = (number, name) => `${number} ${name}${number === 1 ? "" : "s"}`;
$("subtitle").textContent = `As of ${plan.nowText}, plant time ${plan.zone}. ${count(n, "operation")} of ${count(plan.jobs.length, "job")} on ${count(plan.rows.length, "machine")}, planned by ${plan.solver}.`;
plan.tiles.forEach(([value, name]) => { const tile = make("div", null, $("tiles"), "tile"); make("b", value, tile); make("span", name, tile); });
changeSentence();
panel();
setColour(wish.includes("family") ? "family" : wish.includes("changes") && plan.changes ? "changes" : "lateness");
setZoom(wish.includes("day") ? "day" : wish.includes("all") ? "all" : "week");
stage.scrollLeft = Math.max(0, (plan.now - plan.start) * scale - 40);
setOnly(wish.includes("changed"));
const search = wish.find((part) => part.startsWith("find="));
if (search) { $("search").value = search.slice(5); find(search.slice(5)); findNext(); }
draw();
document.documentElement.dataset.ready = String(Math.round(performance.now()));
