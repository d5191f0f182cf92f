// What changed against an older plan: marks on bars, the ghost at the old place, the sentence in the header.
// Shares one scope with gantt_picture.js, which calls it while it draws; without an older plan it draws nothing.
const CHANGES = {
  earlier: ["earlier than before", "#2f8f6b"], later: ["later than before", "#d9822b"],
  "other machine": ["on another machine", "#1f5fbf"], new: ["new in this plan", "#8a4fbf"],
};
const SAME = "#c6cdd6", MAX_GHOSTS = 60;
const changeColour = (bar) => (bar.change && CHANGES[bar.change] ? CHANGES[bar.change][1] : SAME);

function drawChange(bar, at) {
  if (!bar.change || colour === "changes") return;
  const left = Math.max(x(bar.start), LABEL);
  if (x(bar.end) - left < 3) return;
  ctx.fillStyle = changeColour(bar);
  ctx.strokeStyle = "#fff";
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(left, at + 2);
  ctx.lineTo(left + 9, at + 2);
  ctx.lineTo(left, at + 11);
  ctx.closePath();
  ctx.fill();
  ctx.stroke();
}

function drawLateMark(job, bar, at) {
  const tip = x(bar.end);
  ctx.fillStyle = BAD;
  if (!job.newlyLate) {
    ctx.beginPath();
    ctx.moveTo(tip - 5, at + 1);
    ctx.lineTo(tip + 5, at + 1);
    ctx.lineTo(tip, at + 8);
    ctx.fill();
    return;
  }
  ctx.strokeStyle = "#fff";
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.arc(tip, at + ROW / 2 - 1, 7.5, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
  ctx.fillStyle = "#fff";
  ctx.font = `700 11px ${FONT}`;
  ctx.textAlign = "center";
  ctx.fillText("!", tip, at + ROW / 2 - 0.5);
  ctx.textAlign = "left";
}

function drawGhosts() {
  if (!plan.changes) return;
  const chosen = wanted && wanted.size <= MAX_GHOSTS ? [...wanted] : [];
  for (const bar of hover && !chosen.includes(hover) ? [...chosen, hover] : chosen) {
    if (bar.was && bar.was.row >= 0 && plan.rows[bar.was.row].isShown) drawGhost(bar);
  }
}

function drawGhost(bar) {
  const old = y(plan.rows[bar.was.row].y), at = y(plan.rows[bar.row].y);
  const left = x(bar.was.start), width = Math.max(3, (bar.was.end - bar.was.start) * scale);
  ctx.fillStyle = "rgba(28,36,48,.10)";
  ctx.strokeStyle = INK;
  ctx.lineWidth = 1.5;
  ctx.setLineDash([4, 3]);
  ctx.fillRect(left, old + 2, width, ROW - 5);
  ctx.strokeRect(left + 0.5, old + 2.5, width - 1, ROW - 6);
  ctx.setLineDash([]);
  const from = [left + Math.min(12, width / 2), old + ROW / 2], to = [x(bar.start), at + ROW / 2];
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  if (Math.hypot(to[0] - from[0], to[1] - from[1]) < 14) return;
  ctx.strokeStyle = ctx.fillStyle = changeColour(bar);
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
  ctx.beginPath();
  ctx.moveTo(...to);
  ctx.lineTo(to[0] - 9 * Math.cos(angle - 0.4), to[1] - 9 * Math.sin(angle - 0.4));
  ctx.lineTo(to[0] - 9 * Math.cos(angle + 0.4), to[1] - 9 * Math.sin(angle + 0.4));
  ctx.fill();
}

// ---- words ----
const shifted = (minutes) => (minutes === 0 ? "at the same time" : `${days(minutes)} ${minutes > 0 ? "later" : "earlier"}`);

function changeEntries(bar, job, entry) {
  if (bar.change === "new") entry("changed", "new in this plan", "moved");
  if (bar.was) {
    entry("was", `${bar.was.machine}, ${bar.was.startText}`, "moved");
    entry("moved", shifted(bar.was.shift), "moved");
  }
  if (job && job.shift) entry("job ends", `${shifted(job.shift)}${job.newlyLate ? ", newly late" : job.recovered ? ", no longer late" : ""}`, job.newlyLate ? "late" : "moved");
}

function changeSentence() {
  const box = $("changes"), counts = plan.changes;
  box.hidden = !counts;
  $("only").hidden = !counts;
  document.querySelector('[data-colour="changes"]').hidden = !counts;
  if (!counts) return;
  make("span", counts.name ? `Against ${counts.name}:` : "Against the plan before:", box);
  const part = (n, text, name) => { if (n) make("b", `${n} ${text}`, box, name); };
  part(counts.moved, "moved", "moved");
  if (counts.moved) make("span", `(${counts.machine} to another machine, ${counts.earlier} earlier, ${counts.later} later)`, box);
  part(counts.new, "new", "new");
  part(counts.lost, "left out now", "late");
  part(counts.newlyLate, counts.newlyLate === 1 ? "job newly late" : "jobs newly late", "late");
  part(counts.recovered, "no longer late", "good");
  if (box.children.length === 1) make("span", "nothing moved", box);
}
