"use strict";
(function () {
  const source = document.getElementById("replay-data");
  const slider = document.getElementById("replay-step");
  if (!source || !slider) { return; }
  const data = JSON.parse(source.textContent);
  const byId = (name) => document.getElementById(name);
  const said = byId("replay-said"), play = byId("replay-play");
  const last = data.titles.length - 1;
  let timer = null, before = null;

  const dot = (x, y) => (x === null || y === null ? "" : "M" + x + " " + y + "h0");

  function curve(k) {
    const xs = data.curve.x[data.curve.x.length > 1 ? k : 0];
    const ys = data.curve.y[data.curve.y.length > 1 ? k : 0];
    let d = "", down = false;
    for (let i = 0; i < xs.length; i += 1) {
      const known = xs[i] !== null && ys[i] !== null;
      if (known) { d += data.curve.dotted ? dot(xs[i], ys[i]) : (down ? "L" : "M") + xs[i] + " " + ys[i]; }
      down = known;
    }
    return d;
  }

  function show(k) {
    slider.value = k;
    slider.setAttribute("aria-valuetext", data.titles[k]);
    const away = data.curve && !data.curve.seen[k] ? " Nothing of this step lies inside the picture." : "";
    said.textContent = data.said[k] + away;
    byId("loss-now").setAttribute("d", dot(data.loss[0][k], data.loss[1][k]));
    if (data.curve) { byId("curve-now").setAttribute("d", curve(k)); }
    data.values[k].forEach(function (value, j) {
      byId("coef-" + j).textContent = value;
      byId("spark-" + j).setAttribute("d", dot(data.sparks[0][k], data.sparks[1][j][k]));
    });
  }

  function stop() {
    if (timer === null) { return; }
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-label", "Play the steps");
    said.setAttribute("aria-live", "polite");
  }

  function start() {
    said.setAttribute("aria-live", "off"); // a sentence a step would be too many to hear
    play.textContent = "Pause";
    play.setAttribute("aria-label", "Pause");
    if (Number(slider.value) === last) { show(0); }
    timer = setInterval(function () {
      const next = Number(slider.value) + 1;
      if (next >= last) { stop(); }
      show(Math.min(next, last));
    }, Math.max(60, Math.min(700, 9000 / last)));
  }

  function to(k) {
    stop();
    show(Math.max(0, Math.min(last, k)));
  }

  // on paper the replay is its last step
  function printing(on) {
    if (on && before === null) {
      before = Number(slider.value);
      to(last);
    } else if (!on && before !== null) {
      show(before);
      before = null;
    }
  }

  slider.addEventListener("input", function () { to(Number(slider.value)); });
  byId("replay-back").addEventListener("click", function () { to(Number(slider.value) - 1); });
  byId("replay-on").addEventListener("click", function () { to(Number(slider.value) + 1); });
  play.addEventListener("click", function () { if (timer === null) { start(); } else { stop(); } });
  window.matchMedia("print").addEventListener("change", function (event) { printing(event.matches); });
  window.addEventListener("beforeprint", function () { printing(true); });
  window.addEventListener("afterprint", function () { printing(false); });
  byId("replay-controls").hidden = false;
  show(last);
}());
