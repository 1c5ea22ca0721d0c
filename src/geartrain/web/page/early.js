// Before anything is drawn: the theme that was chosen, so that the page does not flash in the other one.
try {
  const chosen = localStorage.getItem('geartrain.theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden: the system's theme it is.
}
