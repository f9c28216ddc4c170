
// Keeps the page as it would be if it were loaded now. Without this it is read
// as it stands.
(function () {
  "use strict";
  var live = document.getElementById("live");
  var asking = false, again = false;

  function stops(section) { return section.querySelectorAll("[tabindex], summary"); }

  // Where the reader is: which package, and which of its stops.
  function place(page) {
    var section = document.activeElement && document.activeElement.closest("section");
    if (!section || !page.contains(section)) { return null; }
    return { id: section.id, stop: Array.prototype.indexOf.call(stops(section), document.activeElement) };
  }

  function put(fresh) {
    var page = document.getElementById("page"), at = place(page);
    var open = Array.prototype.map.call(page.querySelectorAll("details[open]"), function (d) { return d.parentNode.id; });
    page.innerHTML = fresh.getElementById("page").innerHTML;
    open.forEach(function (id) {
      var d = document.querySelector("#" + CSS.escape(id) + " details");
      if (d) { d.open = true; }
    });
    var section = at && document.getElementById(at.id);
    var stop = section && stops(section)[at.stop];
    if (stop) { stop.focus({ preventScroll: true }); }
    document.title = fresh.title;
  }

  function show() {
    if (asking) { again = true; return; }
    asking = true;
    fetch("/", { headers: { Accept: "text/html" } }).then(function (r) { return r.text(); }).then(function (text) {
      put(new DOMParser().parseFromString(text, "text/html"));
      live.textContent = "live";
    }).catch(function () { live.textContent = "pkgd does not answer"; }).finally(function () {
      asking = false;
      if (again) { again = false; show(); }
    });
  }

  if (window.EventSource) {
    var events = new EventSource("/");
    events.onopen = show;
    events.onmessage = show;
    events.onerror = function () { live.textContent = "not live; trying again"; };
  }
  setInterval(show, 60000); // ages
}());
