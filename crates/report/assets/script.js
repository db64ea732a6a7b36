'use strict';
// Values under the pointer and by the keyboard. The page reads without it.
(() => {
  const tip = document.getElementById('tip');
  const element = (name, attributes, parent) => {
    const made = document.createElementNS(document.querySelector('svg').namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (parent) parent.append(made);
    return made;
  };
  const text = (tag, kind, words, parent) => {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.textContent = words;
    parent.append(made);
    return made;
  };
  const number = (value) => value === null ? '–' :
    Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2) : String(+value.toPrecision(4));

  // Beside a point of the window, inside it.
  const show = (x, y) => {
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 16 + box.width > innerWidth ? x - 16 - box.width : x + 16;
    tip.style.left = Math.max(6, Math.min(left, innerWidth - box.width - 6)) + 'px';
    tip.style.top = Math.max(6, Math.min(y - box.height / 2, innerHeight - box.height - 6)) + 'px';
  };
  const hide = (figure) => {
    tip.hidden = true;
    figure.querySelector('.cursor').replaceChildren();
  };
  // From pixels of a drawing to those of the window, and back.
  const scale = (svg) => {
    const box = svg.getBoundingClientRect();
    const view = svg.viewBox.baseVal;
    return { box, by: box.width / view.width };
  };

  // Listens to pointer and keys: `pick` takes a place in the drawing, `step` a number of points to go; both show something.
  const listen = (figure, pick, step) => {
    const svg = figure.querySelector('svg.chart');
    const at = (event) => {
      const { box, by } = scale(svg);
      pick((event.clientX - box.left) / by, (event.clientY - box.top) / by, event);
    };
    svg.addEventListener('pointermove', at);
    svg.addEventListener('pointerdown', at);
    svg.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse') hide(figure); });
    figure.addEventListener('blur', () => hide(figure));
    figure.addEventListener('keydown', (event) => {
      const far = event.shiftKey ? 10 : 1;
      const steps = { ArrowLeft: -far, ArrowRight: far, Home: -Infinity, End: Infinity }[event.key];
      if (event.key === 'Escape') hide(figure);
      if (steps === undefined || event.target !== figure) return;
      event.preventDefault();
      step(steps);
    });
  };

  const nearest = (list, value) => {
    let low = 0, high = list.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (list[middle] < value) low = middle; else high = middle;
    }
    return Math.abs(list[low] - value) <= Math.abs(list[high] - value) ? low : high;
  };

  const plot = (figure) => {
    const data = JSON.parse(figure.querySelector('script').textContent);
    const svg = figure.querySelector('svg.chart');
    const cursor = figure.querySelector('.cursor');
    const [left, top, right, bottom] = data.box;
    const across = (x) => left + (x - data.x[0]) / (data.x[1] - data.x[0]) * (right - left);
    const up = (y) => bottom - (y - data.y[0]) / (data.y[1] - data.y[0]) * (bottom - top);
    const all = [...new Set(data.series.flatMap((series) => series.x))].sort((a, b) => a - b);
    let place = -1;
    const mark = (index, near) => {
      if (!all.length) return;
      place = Math.max(0, Math.min(all.length - 1, index));
      const x = all[place];
      cursor.replaceChildren();
      element('line', { x1: across(x), x2: across(x), y1: top, y2: bottom }, cursor);
      tip.replaceChildren();
      text('b', '', data.name + ' ' + number(x), tip);
      for (const series of data.series) {
        if (!series.x.length || x < series.x[0] || x > series.x[series.x.length - 1]) continue;
        const point = nearest(series.x, x);
        element('circle', { cx: across(series.x[point]), cy: up(series.y[point]), r: 4.5 }, cursor);
        const row = text('div', '', '', tip);
        text('span', 'key ' + (series.k === null ? 'o0' : 'k' + series.k), '', row);
        text('span', 'n', series.n, row);
        text('span', '', number(series.y[point]), row);
      }
      const { box, by } = scale(svg);
      show(box.left + across(x) * by, near === undefined ? box.top + (top + bottom) / 2 * by : near);
    };
    listen(figure,
      (x, y, event) => mark(nearest(all, data.x[0] + (x - left) / (right - left) * (data.x[1] - data.x[0])), event.clientY),
      (steps) => mark(place < 0 && steps < 0 ? all.length - 1 : place + steps));
  };

  const maps = (group) => {
    const data = JSON.parse(group.querySelector(':scope > script').textContent);
    const select = group.querySelector('select');
    const ramp = group.querySelector('.scale');
    const figures = [...group.querySelectorAll('figure.map')];
    const points = figures.map((figure) => [...figure.querySelectorAll('.p')]);
    let chosen = null;
    const colour = () => {
      const parameter = data.parameters[select.value];
      points.forEach((marks) => marks.forEach((mark, index) => {
        const label = data.labels[index];
        const kind = parameter ? 'v' + parameter.s[index] : 'k' + (label === undefined ? 0 : label % 8);
        mark.setAttribute('class', 'p ' + kind + (chosen === null || label === chosen ? '' : ' dim'));
      }));
      ramp.hidden = !parameter;
      ramp.replaceChildren();
      if (parameter) {
        text('span', '', number(parameter.r[0]), ramp);
        const svg = element('svg', { viewBox: '0 0 9 1', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, ramp);
        for (let step = 0; step < 9; step++) element('rect', { x: step, y: 0, width: 1.02, height: 1, class: 'v' + step }, svg);
        text('span', '', number(parameter.r[1]), ramp);
      }
    };
    select.addEventListener('change', colour);
    const buttons = [...group.querySelectorAll('button[data-class]')];
    for (const button of buttons) {
      button.addEventListener('click', () => {
        const label = Number(button.dataset.class);
        chosen = chosen === label ? null : label;
        for (const other of buttons) other.setAttribute('aria-pressed', String(Number(other.dataset.class) === chosen));
        colour();
      });
    }
    if (!data.labels.length) colour();
    figures.forEach((figure, which) => {
      const svg = figure.querySelector('svg.chart');
      const cursor = figure.querySelector('.cursor');
      const places = points[which].map((mark) => {
        if (mark.hasAttribute('cx')) return [Number(mark.getAttribute('cx')), Number(mark.getAttribute('cy'))];
        return mark.getAttribute('transform').match(/-?[\d.]+/g).map(Number);
      });
      let place = -1;
      const mark = (index) => {
        place = Math.max(0, Math.min(places.length - 1, index));
        const [x, y] = places[place];
        cursor.replaceChildren();
        element('circle', { cx: x, cy: y, r: 6 }, cursor);
        tip.replaceChildren();
        if (data.sheet) {
          const [id, columns, width, height] = data.sheet;
          const view = [place % columns * width, Math.floor(place / columns) * height, width, height];
          element('use', { href: '#' + id }, element('svg', { viewBox: view.join(' ') }, tip));
        }
        text('b', '', 'test image ' + data.rows[place], tip);
        const row = (name, value) => {
          const line = text('div', '', '', tip);
          text('span', 'n', name, line);
          text('span', '', value, line);
        };
        if (data.labels.length) row('class', data.names[data.labels[place]]);
        if (data.predicted.length) row('predicted', data.names[data.predicted[place]]);
        const parameter = data.parameters[select.value];
        if (parameter) row(parameter.n, number(parameter.v[place]));
        const { box, by } = scale(svg);
        show(box.left + x * by, box.top + y * by);
      };
      listen(figure, (x, y) => {
        let best = -1, least = 30 * 30;
        places.forEach(([px, py], index) => {
          const apart = (px - x) ** 2 + (py - y) ** 2;
          if (apart < least) [best, least] = [index, apart];
        });
        if (best >= 0) mark(best); else hide(figure);
      }, (steps) => mark(place < 0 && steps < 0 ? places.length - 1 : place + steps));
    });
  };

  // Only once they are seen: a page of many runs opens at once.
  const ready = (start) => {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries.filter((entry) => entry.isIntersecting)) {
        seen.unobserve(entry.target);
        start(entry.target);
      }
    }, { rootMargin: '400px' });
    return (figure) => seen.observe(figure);
  };
  document.querySelectorAll('figure.plot').forEach(ready(plot));
  document.querySelectorAll('.maps').forEach(ready(maps));
  // Paper has no folds.
  let folded = [];
  addEventListener('beforeprint', () => {
    folded = [...document.querySelectorAll('details:not([open])')].filter((part) => part.querySelectorAll('figure').length < 80);
    folded.forEach((part) => { part.open = true; });
  });
  addEventListener('afterprint', () => folded.forEach((part) => { part.open = false; }));
})();
