"""Whether everything that is read stands out from what it stands on: WCAG 2.1, 1.4.3, at least 4.5 to 1, large words 3 to 1."""

from tests.api.browser import Page

# Every element with words of its own: its colour over the first opaque ground behind it. What is switched off or hidden is exempt.
FAINT = r"""(() => {
  const lum = (c) => { const [r,g,b] = c.map((v) => { v /= 255; return v <= .03928 ? v/12.92 : ((v+.055)/1.055)**2.4; }); return .2126*r+.7152*g+.0722*b; };
  const rgba = (s) => { const m = s.match(/[\d.]+/g).map(Number); return [m[0],m[1],m[2],m[3] ?? 1]; };
  const over = (a, b) => [0,1,2].map((i) => a[i]*a[3] + b[i]*(1-a[3]));
  const back = (e) => { const all = []; for (let n = e; n; n = n.parentElement) { const c = rgba(getComputedStyle(n).backgroundColor); if (c[3]) { all.push(c); if (c[3] === 1) break; } } let b = [255,255,255]; for (const c of all.reverse()) b = over(c, b); return b; };
  const found = new Map();
  for (const e of document.body.querySelectorAll('*')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility({opacityProperty: true, visibilityProperty: true}) || e.closest(':disabled, svg, .off-screen, option')) continue;
    const s = getComputedStyle(e); const b = back(e); let c = rgba(s.color); let o = 1; for (let n = e; n; n = n.parentElement) o *= Number(getComputedStyle(n).opacity); c[3] *= o;
    const l = [lum(over(c, b)), lum(b)].sort((x, y) => y - x); const ratio = (l[0]+.05)/(l[1]+.05);
    const size = parseFloat(s.fontSize); const need = size >= 24 || (size >= 18.66 && Number(s.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < need) found.set(e.nodeName + '.' + e.className + ' < ' + (e.parentElement.className), [Math.round(ratio*100)/100, e.textContent.slice(0, 20)]);
  }
  return [...found].map(([k, v]) => k + ' ' + v.join(' '));
})()"""


def faint(page: Page) -> list[str]:
    """What does not: the element, its ratio and its words."""
    found: list[str] = page.js(FAINT)
    return found
