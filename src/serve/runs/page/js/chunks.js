// Long lists appear in chunks while one scrolls, so that any number of entries stays fluent.

/**
 * Shows the items of a list in `container`, `size` at a time; `make` turns an item into an element.
 * `end` is an element after the list: more items appear when it comes near. Returns the functions
 * `show(items, isSame)`, which keeps as many items as there are in place if they are the same list with changes, and
 * `more()`, which shows the next chunk at once and says whether there was one.
 */
export function chunked({ container, end, size, make, root = null }, signal) {
  let items = [];
  let n_shown = 0;

  function more() {
    const chunk = items.slice(n_shown, n_shown + size);
    n_shown += chunk.length;
    container.append(...chunk.map(make));
    end.hidden = n_shown === items.length;
    return chunk.length > 0;
  }

  // An observer reports only changes, so it looks anew after each chunk: the end may still be near.
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.at(-1).isIntersecting || !more()) return;
      observer.unobserve(end);
      observer.observe(end);
    },
    { root, rootMargin: "600px" },
  );
  signal.addEventListener("abort", () => observer.disconnect());
  observer.observe(end);

  function show(next, isSame = false) {
    const first = next.slice(0, isSame ? Math.max(size, n_shown) : size);
    items = next;
    n_shown = first.length;
    place(container, first.map(make));
    end.hidden = n_shown === items.length;
  }

  return { show, more };
}

// Elements that already are in their place are not moved: they keep the focus, and cost nothing.
function place(container, elements) {
  let at = container.firstChild;
  for (const element of elements) {
    if (element === at) at = at.nextSibling;
    else container.insertBefore(element, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}
