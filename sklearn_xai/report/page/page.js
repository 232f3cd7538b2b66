/* Light or dark as the reader's system has it, until the button is pressed; nothing is stored. */
function makeThemeButton(button) {
  const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => button.setAttribute("aria-pressed", String(dark()));
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    show();
  });
  system.addEventListener("change", show);
  show();
}

/* The contents tell which section is being read. */
function followReading(contents) {
  const links = new Map(Array.from(contents.querySelectorAll("a"), link => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) links.get(target.id).setAttribute("aria-current", "location");
      else links.get(target.id).removeAttribute("aria-current");
    }
  }, { rootMargin: "-30% 0% -69% 0%" });
  links.forEach((_, id) => seen.observe(document.getElementById(id)));
}

/* Within a notebook's frame the page has no address, and links to its parts would lead out of it. */
function keepLinksInside() {
  if (location.protocol !== "about:") return;
  document.addEventListener("click", event => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    const part = document.getElementById(link.getAttribute("href").slice(1));
    part.scrollIntoView();
    part.focus({ preventScroll: true });
  });
}

document.documentElement.classList.add("script");
makeThemeButton(document.querySelector(".theme"));
document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll(".explorer").forEach(makeExplorer);
document.querySelectorAll(".contents").forEach(followReading);
keepLinksInside();
