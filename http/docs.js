// Draws the routes of /openapi.json as a list; every value is set as text, never as markup.
fetch('/openapi.json').then((r) => r.json()).then((api) => {
  const main = document.getElementById('routes');
  main.textContent = '';
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, op] of Object.entries(methods)) {
      const details = document.createElement('details');
      const summary = document.createElement('summary');
      summary.textContent = `${method.toUpperCase()} ${path} — ${op.summary || ''}`;
      const pre = document.createElement('pre');
      pre.textContent = JSON.stringify(op, null, 2);
      details.append(summary, pre);
      main.append(details);
    }
  }
});
