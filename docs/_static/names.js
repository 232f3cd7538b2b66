// Names, for those who hear a page instead of seeing it, that the theme and the gallery leave out.
document.addEventListener("DOMContentLoaded", () => {
  for (const summary of document.querySelectorAll("details > summary:not([aria-label])")) {
    const link = summary.parentElement.parentElement.querySelector(":scope > a");
    if (link && !summary.textContent.trim()) summary.setAttribute("aria-label", `Pages of ${link.textContent.trim()}`);
  }
  for (const thumbnail of document.querySelectorAll(".sphx-glr-thumbcontainer")) {
    const title = thumbnail.querySelector(".sphx-glr-thumbnail-title");
    if (title) thumbnail.querySelector("a")?.setAttribute("aria-label", title.textContent.trim());
  }
  for (const button of document.querySelectorAll(".search-button-field")) {
    button.setAttribute("aria-label", button.textContent.trim().replace(/\s+/g, " "));
  }
});
