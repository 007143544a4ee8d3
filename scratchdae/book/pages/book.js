// A box that filters the rows of a table: every word that is typed must stand in a row.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("input.filter")) {
    const rows = [...document.querySelectorAll(`#${box.dataset.table} tbody tr`)];
    const count = document.querySelector(`[data-count="${box.dataset.table}"]`);
    const apply = () => {
      const words = box.value.toLowerCase().split(/\s+/);
      for (const row of rows) {
        const text = `${row.textContent} ${row.title}`.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
      count.textContent = `${rows.filter((row) => !row.hidden).length} cases`;
    };
    box.addEventListener("input", apply);
    if (box.value) apply();
  }
});

// A small figure says how high it is.
addEventListener("message", ({ source, data }) => {
  for (const frame of document.querySelectorAll("iframe.slider")) {
    if (frame.contentWindow === source && data.height > 0) frame.style.height = `${data.height + 20}px`;
  }
});
