// Keeps the page up to date and makes its bars speak. Everything here only adds
// to what the server has drawn: without it the page is as true, at the moment at
// which it was asked for.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;

  // --- Ages: by the server's clock, counted here between two looks.

  let ahead = 0; // of our clock over the server's, milliseconds

  const span = (seconds) => {
    if (seconds < 1) return "0 s";
    if (seconds < 60) return Math.floor(seconds) + " s";
    if (seconds < 3600) return Math.floor(seconds / 60) + " min";
    if (seconds < 86400) return Math.floor(seconds / 3600) + " h";
    if (seconds < 2 * 86400) return "1 day";
    return Math.floor(seconds / 86400) + " days";
  };

  const age = () => {
    for (const t of document.querySelectorAll("time[data-ago]")) {
      const text = span((Date.now() - ahead - Date.parse(t.dateTime)) / 1000);
      if (text !== t.textContent) t.textContent = text;
    }
  };

  // --- News: the page is fetched again, and the parts that differ are replaced.

  const drawn = new Map(); // part's id → what the server drew

  // said is a part without its ages, which are kept up to date here.
  const said = (part) => {
    const copy = part.cloneNode(true);
    for (const t of copy.querySelectorAll("time[data-ago]")) t.textContent = "";
    return copy.outerHTML;
  };

  const remember = () => {
    drawn.clear();
    for (const part of document.querySelectorAll("[data-part], #level")) drawn.set(part.id, said(part));
  };

  // place finds the focused element again after its part was replaced.
  const place = (part) => {
    const at = document.activeElement;
    if (!part.contains(at)) return () => {};
    const kind = at.localName === "summary" ? "summary" : ".span"; // a bar may have got more of these
    const i = [...part.querySelectorAll(kind)].indexOf(at);
    return (next) => {
      const all = [...next.querySelectorAll(kind)];
      all[Math.min(i, all.length - 1)]?.focus({ preventScroll: true });
    };
  };

  const replace = (old, next) => {
    const focus = place(old);
    if (shown && old.contains(shown)) hide();
    const open = old.querySelector("details")?.open;
    old.replaceWith(next);
    if (open && next.querySelector("details")) next.querySelector("details").open = true;
    speak(next);
    focus(next);
  };

  const take = (text) => {
    const doc = new DOMParser().parseFromString(text, "text/html");
    const headline = doc.getElementById("headline");
    if (!headline) throw new Error("not a status page");
    const before = root.dataset.level;
    const table = $("table"), newTable = doc.getElementById("table");
    const shape = (t) => t && t.className + t.tHead.textContent;
    if (shape(table) !== shape(newTable)) {
      document.querySelector("main").replaceWith(doc.querySelector("main"));
      remember();
      speak(document);
    } else {
      takeParts(doc, table, newTable);
    }
    root.dataset.level = doc.documentElement.dataset.level;
    document.title = doc.title;
    document.querySelector("link[rel=icon]").href = doc.querySelector("link[rel=icon]").getAttribute("href");
    $("now").replaceWith(doc.getElementById("now"));
    ahead = Date.now() - Date.parse($("now").dateTime);
    if (before !== root.dataset.level) {
      $("said").textContent = root.dataset.level + ": " + $("headline").textContent;
    }
  };

  // put places a part after another. Where the focus is stays where it is, for
  // what is moved loses it; and where one part went down, the others do not move.
  const put = (part, after) => {
    const table = after.parentNode, there = after.nextElementSibling;
    if (part.contains(document.activeElement)) {
      while (after.nextElementSibling !== part) table.append(after.nextElementSibling);
    } else if (there && there.nextElementSibling === part && !there.contains(document.activeElement)) {
      table.append(there);
    } else if (there !== part) {
      after.after(part);
    }
  };

  const takeParts = (doc, table, newTable) => {
    const parts = newTable ? [...newTable.tBodies] : [];
    const level = doc.getElementById("level");
    const as = new Map([level, ...parts].map((p) => [p.id, said(p)]));
    if (as.get("level") !== drawn.get("level")) replace($("level"), level);
    for (const old of table ? [...table.tBodies] : []) if (!as.has(old.id)) old.remove();
    let after = table?.tHead;
    for (const next of parts) {
      let here = $(next.id);
      if (here && as.get(next.id) !== drawn.get(next.id)) {
        replace(here, next);
        here = next;
      } else if (!here) {
        here = next;
        speak(here);
      }
      put(here, after);
      after = here;
    }
    drawn.clear();
    for (const [id, html] of as) drawn.set(id, html);
  };

  // --- Being live, or saying that it is not.

  let busy = false, again = false, heard = Date.now();

  const look = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const answer = await fetch(location.pathname + location.search, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error("status " + answer.status);
      take(await answer.text());
      found();
    } catch {
      lose();
    } finally {
      busy = false;
      if (again) {
        again = false;
        look();
      }
    }
  };

  const found = () => {
    heard = Date.now();
    root.classList.remove("is-lost");
    $("lost").hidden = true;
    age();
  };

  const lose = () => {
    if (root.classList.contains("is-lost")) return;
    root.classList.add("is-lost");
    live(false);
    $("lost").textContent = "pkgd does not answer. What you see is from " + $("now").textContent + " and may be wrong by now.";
    $("lost").hidden = false;
  };

  const live = (yes) => {
    root.classList.toggle("is-live", yes);
    $("live-word").textContent = yes ? "Live, as of" : "As of";
  };

  const listen = () => {
    const source = new EventSource("events");
    source.addEventListener("health", () => {
      live(true);
      look();
    });
    source.onerror = () => {
      live(false);
      look(); // tells a stream that ended from a pkgd that is gone
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 30000);
    };
  };

  // --- Bars: what a span says is shown where it is, by pointer and by keyboard.

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true"); // the span's own label is read
  document.body.append(tip);
  let shown = null;

  const show = (span) => {
    if (!span?.isConnected) return hide();
    shown?.classList.remove("at");
    shown = span;
    span.classList.add("at");
    tip.textContent = span.getAttribute("aria-label");
    tip.hidden = false;
    const at = span.getBoundingClientRect(), bar = span.parentNode.getBoundingClientRect();
    const x = Math.max(bar.left, Math.min(bar.right, at.left + at.width / 2)) - tip.offsetWidth / 2;
    tip.style.left = Math.max(8, Math.min(innerWidth - tip.offsetWidth - 8, x)) + "px";
    const above = bar.top - tip.offsetHeight - 8;
    tip.style.top = (above > 4 ? above : bar.bottom + 10) + "px";
  };

  const hide = () => {
    shown?.classList.remove("at");
    shown = null;
    tip.hidden = true;
  };

  // near is the span under the pointer, where a narrow one within a few pixels
  // comes first: it is what somebody wants to know of.
  const near = (bar, x) => {
    let best = null, width = Infinity;
    for (const span of bar.querySelectorAll(".span")) {
      const at = span.getBoundingClientRect();
      if (x >= at.left - 4 && x <= at.right + 4 && at.width < width) [best, width] = [span, at.width];
    }
    return best;
  };

  const step = (bar, from, key) => {
    const all = [...bar.querySelectorAll(".span")];
    const i = all.indexOf(from);
    const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: all.length - 1 }[key];
    return to === undefined ? undefined : all[Math.max(0, Math.min(all.length - 1, to))];
  };

  const speak = (within) => {
    for (const bar of within.querySelectorAll(".bar")) {
      for (const title of bar.querySelectorAll("title")) title.remove(); // else there are two tips
      bar.addEventListener("pointermove", (e) => show(near(bar, e.clientX)));
      bar.addEventListener("pointerdown", (e) => show(near(bar, e.clientX)));
      bar.addEventListener("pointerleave", (e) => e.pointerType === "mouse" && hide());
      const cell = bar.parentNode; // an svg that listens for the focus would get it
      cell.addEventListener("focusin", (e) => {
        for (const span of bar.querySelectorAll(".span")) span.setAttribute("tabindex", span === e.target ? "0" : "-1");
        show(e.target);
      });
      cell.addEventListener("focusout", hide);
      bar.addEventListener("keydown", (e) => {
        const next = step(bar, e.target, e.key);
        if (!next) return;
        e.preventDefault();
        next.focus();
      });
    }
  };

  addEventListener("keydown", (e) => e.key === "Escape" && hide());
  addEventListener("scroll", () => shown && show(shown), { passive: true });

  remember();
  speak(document);
  ahead = Date.now() - Date.parse($("now").dateTime);
  listen();
  setInterval(age, 1000);
  setInterval(() => (Date.now() - heard > 55000 || root.classList.contains("is-lost")) && look(), 10000);
  addEventListener("offline", look);
  addEventListener("online", look);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
})();
