/** The nine dots, as NocoBase's layout draws them in both clients. */
const DOTS = 'ant-pro-layout-apps-icon';
/** The mark of a trigger whose popover is open. */
const OPEN = 'ant-popover-open';
/** Of what they open: v1's list, which NocoBase draws, shows no focus by itself. */
const MARK = 'data-app-switcher';
const FOCUS = `[${MARK}] a:focus-visible { outline: 2px solid currentColor; border-radius: 6px; }`;
/** So long a popover may take to come up. */
const OPENING_MS = 2_000;

/**
 * Makes the nine dots a button: NocoBase draws them for the pointer only. Tab leads there, Enter or Space opens and puts
 * the focus on the first application, Tab walks through them, Escape closes; what was left by the last Tab is closed too.
 */
export function watchSwitcher(label: () => string): void {
  const found = document.getElementsByClassName(DOTS);
  const known = new WeakSet<Element>();
  const look = () => {
    for (const dots of found) {
      if (known.has(dots) || !(dots instanceof HTMLElement)) continue;
      known.add(dots);
      makeButton(dots, label());
    }
  };
  const style = document.createElement('style');
  style.textContent = FOCUS;
  document.head.append(style);
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
}

function makeButton(dots: HTMLElement, label: string): void {
  dots.tabIndex = 0;
  dots.setAttribute('role', 'button');
  dots.setAttribute('aria-label', label);
  dots.setAttribute('aria-haspopup', 'true');
  const isOpen = () => dots.classList.contains(OPEN);
  const tell = () => dots.setAttribute('aria-expanded', String(isOpen()));
  new MutationObserver(tell).observe(dots, { attributeFilter: ['class'] });
  tell();

  const close = () => {
    if (isOpen()) dots.click();
    dots.focus();
  };
  const walk = (event: KeyboardEvent) => {
    const links = linksOf(dots);
    if (event.key === 'Escape') close();
    else if (event.key !== 'Tab') return;
    // The browser's own step goes on from the dots, forwards; backwards they are where it leads.
    else if (!event.shiftKey && document.activeElement === links.at(-1)) return close();
    else if (event.shiftKey && document.activeElement === links[0]) close();
    else return;
    event.preventDefault();
  };
  const enter = (deadline: number) => {
    const [first] = isOpen() ? linksOf(dots) : [];
    first?.focus();
    if (!first || document.activeElement !== first) {
      if (performance.now() < deadline) requestAnimationFrame(() => enter(deadline));
      return;
    }
    const panel = panelOf(dots);
    if (!panel || panel.hasAttribute(MARK)) return;
    panel.setAttribute(MARK, '');
    panel.addEventListener('keydown', walk);
  };
  dots.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && isOpen()) close();
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    const opens = !isOpen();
    dots.click();
    if (opens) enter(performance.now() + OPENING_MS);
  });
}

/** What the dots have opened. */
function panelOf(dots: HTMLElement): HTMLElement | null {
  return document.getElementById(dots.getAttribute('aria-describedby') ?? '');
}

function linksOf(dots: HTMLElement): HTMLElement[] {
  return [...(panelOf(dots)?.querySelectorAll<HTMLElement>('a[href], button:not([disabled])') ?? [])];
}
