// The axis above the picture: days, weeks and hours, as many as there is room for. One scope with gantt_picture.js.
function drawAxis(from, to, w) {
  ctx.fillStyle = "#fff";
  ctx.fillRect(0, 0, w, AXIS);
  const perDay = DAY * scale;
  ctx.font = `600 12px ${FONT}`;
  plan.days.forEach((day, index) => {
    const next = plan.days[index + 1], end = next ? next.start : plan.end;
    const isFirst = index === 0, left = x(day.start);
    if (perDay < 46) {
      if (!(day.isMonday || isFirst)) return;
      const until = plan.days.slice(index + 1).find((other) => other.isMonday);
      if ((until ? until.start : plan.end) < from || day.start > to) return;
      const room = (until ? x(until.start) : x(plan.end)) - Math.max(left, LABEL) - 8;
      ctx.fillStyle = INK;
      ctx.fillText(fit(day.week, room), Math.max(left, LABEL) + 5, 14);
      ctx.fillStyle = LINE;
      ctx.fillRect(left, 4, 1, AXIS - 4);
      return;
    }
    if (end < from || day.start > to) return;
    ctx.font = `600 12px ${FONT}`;
    ctx.fillStyle = INK;
    const name = perDay < 60 ? day.short.split(" ")[1] : perDay < 92 ? day.short : day.name;
    ctx.fillText(fit(name, x(end) - Math.max(left, LABEL) - 8), Math.max(left, LABEL) + 5, 14);
    ctx.fillStyle = LINE;
    ctx.fillRect(left, 4, 1, perDay < 120 && !day.isMonday ? 19 : AXIS - 4);
    if (perDay < 120 && (day.isMonday || isFirst)) {
      ctx.font = `11px ${FONT}`;
      ctx.fillStyle = SOFT;
      ctx.fillText(day.week, left + 5, 33);
    }
    const step = perDay > 460 ? 1 : perDay > 230 ? 2 : perDay > 120 ? 4 : 99;
    ctx.font = `11px ${FONT}`;
    ctx.fillStyle = SOFT;
    day.ticks.forEach(([minute, text], i) => {
      if (i % step === 0 && step < 99) ctx.fillText(text, x(minute) + 4, 33);
    });
  });
  ctx.fillStyle = "#fff";
  ctx.fillRect(0, 0, LABEL, AXIS);
  ctx.fillStyle = SOFT;
  ctx.font = `11px ${FONT}`;
  ctx.fillText("machine", 22, 33);
  ctx.textAlign = "right";
  ctx.fillText("used", LABEL - 8, 33);
  ctx.textAlign = "left";
  ctx.fillStyle = "#aab4c0";
  ctx.fillRect(0, AXIS - 1, w, 1);
  ctx.fillRect(LABEL - 1, 0, 1, stage.clientHeight);
}
