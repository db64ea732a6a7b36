// What scripts/check_report.sh does in the browser.
'use strict';
const puppeteer = require('puppeteer-core');
const path = require('node:path');
const fs = require('node:fs');

const [browserPath, profile, page, folder] = process.argv.slice(2);
const problems = [];
const expect = (holds, words) => { if (!holds) problems.push(words); };

(async () => {
  const { default: launcher } = { default: puppeteer.default ?? puppeteer };
  const browser = await launcher.launch({
    executablePath: browserPath,
    userDataDir: profile,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--hide-scrollbars', '--font-render-hinting=none',
    ],
  });
  const address = 'file://' + page;
  const open = async (width, height, scheme, scale = 1, touch = false) => {
    const tab = await browser.newPage();
    tab.on('console', (message) => {
      if (['error', 'warn', 'warning'].includes(message.type())) problems.push('console: ' + message.text());
    });
    tab.on('pageerror', (error) => problems.push('script: ' + error.message));
    tab.on('request', (request) => {
      const url = request.url();
      if (url !== address && !url.startsWith('data:')) problems.push('request: ' + url.slice(0, 200));
    });
    await tab.setViewport({ width, height, deviceScaleFactor: scale, isMobile: touch, hasTouch: touch });
    await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await tab.goto(address, { waitUntil: 'load' });
    return tab;
  };
  const shoot = async (tab, name, fullPage = true) => {
    if (folder) await tab.screenshot({ path: path.join(folder, name), fullPage });
  };
  if (folder) fs.mkdirSync(folder, { recursive: true });

  // By day: structure, values under the pointer, values by the keyboard.
  const day = await open(1280, 900, 'light');
  await shoot(day, 'light.png');
  await shoot(day, 'top.png', false);
  const found = await day.evaluate(() => ({
    plots: document.querySelectorAll('figure.plot').length,
    maps: document.querySelectorAll('figure.map').length,
    unnamed: [...document.querySelectorAll('svg:not([aria-hidden])')].filter((svg) =>
      !svg.getAttribute('aria-label') && !svg.closest('[aria-hidden], #tip') && !svg.closest('.scale')).length,
    unfocusable: [...document.querySelectorAll('figure.plot, figure.map')].filter((figure) => figure.tabIndex !== 0).length,
    headings: document.querySelectorAll('section > h2').length,
    broken: [...document.querySelectorAll('a[href^="#"]')].filter((a) => !document.querySelector(a.getAttribute('href'))).length,
    ids: (() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.length - new Set(ids).size; })(),
    background: getComputedStyle(document.body).backgroundColor,
  }));
  expect(found.headings >= 10, `sections: expected at least 10, found ${found.headings}`);
  expect(found.unnamed === 0, `${found.unnamed} pictures without alternative text`);
  expect(found.unfocusable === 0, `${found.unfocusable} charts that the keyboard does not reach`);
  expect(found.broken === 0, `${found.broken} links that lead nowhere`);
  expect(found.ids === 0, `${found.ids} identifiers twice`);
  const tip = () => day.evaluate(() => {
    const tip = document.getElementById('tip');
    return tip.hidden ? '' : tip.textContent;
  });
  const values = async (selector, what) => {
    const figure = await day.$(selector);
    if (!figure) return;
    await figure.scrollIntoView();
    await new Promise((done) => setTimeout(done, 300));
    const svg = await figure.$('svg.chart');
    const mark = await figure.$('.p');
    const box = await (mark ?? svg).boundingBox();
    await day.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    expect(/\d/.test(await tip()), `${what}: no values under the pointer`);
    await day.mouse.move(1, 1);
    await figure.focus();
    await day.keyboard.press('Home');
    const first = await tip();
    await day.keyboard.press('End');
    const last = await tip();
    expect(/\d/.test(first) && /\d/.test(last), `${what}: no values by the keyboard`);
    const many = await figure.evaluate((figure) => figure.querySelectorAll('.p').length > 1
      || (figure.querySelector('script') && JSON.parse(figure.querySelector('script').textContent).series.some((s) => s.x.length > 1)));
    expect(!many || first !== last, `${what}: the keyboard does not move`);
    await shoot(day, `${what}.png`, false);
    await day.keyboard.press('Escape');
    expect(await tip() === '', `${what}: Escape does not hide the values`);
  };
  await values('figure.plot', 'curve');
  await values('figure.map', 'map');
  const select = await day.$('.maps select');
  if (select) {
    const count = await select.evaluate((select) => select.options.length);
    if (count > 1) {
      await select.evaluate((select) => { select.selectedIndex = 1; select.dispatchEvent(new Event('change')); });
      const colours = await day.evaluate(() => new Set([...document.querySelectorAll('figure.map .p')].map((p) => p.getAttribute('class'))).size);
      expect(colours > 1, 'maps: all points have one colour by an action parameter');
      await (await day.$('.maps')).scrollIntoView();
      await shoot(day, 'map_by_action.png', false);
    }
  }
  await day.close();

  const night = await open(1280, 900, 'dark');
  const dark = await night.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(dark !== found.background, 'the page is as light by night as by day');
  await shoot(night, 'dark.png');
  await night.close();

  const phone = await open(360, 740, 'light', 2, true);
  await phone.evaluate(() => document.querySelectorAll('details').forEach((part) => { part.open = true; }));
  const wide = await phone.evaluate(() => {
    const root = document.scrollingElement;
    if (root.scrollWidth <= innerWidth && innerWidth <= 360) return null;
    const out = [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 361 && !e.closest('.scroll, nav'));
    return `${root.scrollWidth} pixels, by ${out.slice(0, 3).map((e) => e.tagName + '.' + e.getAttribute('class')).join(', ')}`;
  });
  expect(wide === null, `at 360 pixels the page scrolls sideways: ${wide}`);
  await phone.evaluate(() => document.querySelectorAll('details').forEach((part) => { part.open = false; }));
  await shoot(phone, 'phone.png');
  await phone.close();

  const paper = await open(1000, 900, 'light');
  const pdf = await paper.pdf({ format: 'A4', margin: { top: '1.5cm', bottom: '1.5cm', left: '1.5cm', right: '1.5cm' }, printBackground: false });
  expect(pdf.length > 10000, 'on paper there is nothing');
  if (folder) fs.writeFileSync(path.join(folder, 'print.pdf'), pdf);
  await paper.close();
  await browser.close();

  for (const problem of new Set(problems)) console.error(problem);
  if (problems.length) process.exit(1);
  console.log(`${path.basename(page)}: ${found.headings} sections, ${found.plots} curves, ${found.maps} maps; no problem found`);
})().catch((error) => {
  console.error(String(error && error.stack || error));
  process.exit(1);
});
