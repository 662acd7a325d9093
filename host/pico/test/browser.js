// The page in headless Chromium: boots the firmware, works its buttons, types a number, drops files on it.
//
//   node test/browser.js CHROMIUM TASK.json
//
// The task, written by `cargo test -p tests web::`, holds the page's address, the files to drop, and for each step
// the picture that the host draws for it. Ends with status 0 where all is as it should be.

import { readFileSync } from 'node:fs';
import puppeteer from 'puppeteer-core';

const [chromium, taskFile] = process.argv.slice(2);
const task = JSON.parse(readFileSync(taskFile, 'utf8'));
/** A step may take so long on a busy machine. */
const LIMIT = 120_000;

const browser = await puppeteer.launch({
  executablePath: chromium,
  headless: true,
  userDataDir: task.profile,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const page = await browser.newPage();
page.setDefaultTimeout(LIMIT);
const troubles = [];
page.on('pageerror', (error) => troubles.push(error.message));
page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
page.on('requestfailed', (request) => troubles.push(`${request.url()} cannot be loaded`));

/** Waits until the canvas has exactly these pixels. */
async function shows(name) {
  const { width, height, rgb } = task.pictures[name];
  try {
    await page.waitForFunction(
      (width, height, rgb) => {
        const canvas = document.getElementById('display');
        if (canvas.width !== width || canvas.height !== height) {
          return false;
        }
        const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
        for (let pixel = 0; pixel < width * height; pixel++) {
          for (let part = 0; part < 3; part++) {
            const at = 6 * pixel + 2 * part;
            if (data[4 * pixel + part] !== parseInt(rgb.slice(at, at + 2), 16)) {
              return false;
            }
          }
        }
        return true;
      },
      { polling: 200 },
      width,
      height,
      rgb,
    );
    console.log(`equal: ${name}`);
  } catch {
    const status = await page.$eval('main', (main) => main.innerText);
    throw new Error(`the display never showed ${name}; the page says: ${status}`);
  }
}

/** Waits until a text has this in it. */
async function says(selector, text) {
  const wanted = (selector, text) => document.querySelector(selector).textContent.includes(text);
  try {
    await page.waitForFunction(wanted, { polling: 100 }, selector, text);
    console.log(`says: ${text}`);
  } catch {
    const found = await page.$eval(selector, (element) => element.textContent);
    throw new Error(`${selector} says “${found}”, expected “${text}”`);
  }
}

/** Drops a file on the page, as the browser would hand it over. */
async function drop(name, base64) {
  await page.evaluate(
    (name, base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name));
      const drop = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
      document.querySelector('main').dispatchEvent(drop);
    },
    name,
    base64,
  );
}

async function photograph(name, width, height) {
  await page.setViewport({ width, height });
  if (task.screenshots) {
    await page.screenshot({ path: `${task.screenshots}/${name}.png`, fullPage: true });
  }
}

async function run() {
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(task.url);
  await shows('first');
  await says('#status', 'Digit 7, seed 1');

  // By mouse, by keyboard, by touch.
  const box = await (await page.$('[data-button="up"]')).boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.up();
  await shows('up');
  await page.keyboard.press('ArrowRight');
  await shows('right');
  await page.tap('[data-button="select"]');
  await shows('grid');
  await says('#status', 'Grid of eight');
  await page.focus('[data-button="right"]');
  // On a button that has the focus, space is that button's and not the board's mode.
  await page.keyboard.press('Space');
  await shows('next grid');

  await page.type('#number', '2026');
  await page.keyboard.press('Enter');
  await shows('number');
  // What cannot be drawn has the firmware's own words.
  await page.$eval('#number', (input) => (input.value = ''));
  await page.type('#number', '7');
  await page.click('#number-form button');
  await shows('one digit');
  await says('#picture-cycles', 'million');
  await photograph('wide', 1280, 900);
  await photograph('narrow', 390, 844);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) {
    throw new Error(`the page is ${overflow} pixels wider than a phone`);
  }
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
  await photograph('dark', 1280, 900);
  await page.emulateMediaFeatures([]);
  // Broken files give a message, and the board goes on.
  await drop('broken.tgm', task.broken);
  await says('#problem', 'broken.tgm: ');
  await drop('broken.uf2', task.broken);
  await says('#problem', 'not a UF2 file');
  await drop('damaged.tgm', task.damaged);
  await says('#problem', 'the board refuses the model');
  await drop('picture.png', task.broken);
  await says('#problem', 'expected a model folder');
  await drop('huge.uf2', btoa('x'.repeat(9 << 20)));
  await says('#problem', '10 MB, more than');
  await photograph('problem', 1280, 900);
  await page.keyboard.press('Tab');
  await shows('one digit');

  await drop('model.tgm', task.model);
  await says('#status', 'Uploading');
  // A broken file beside it changes nothing, and the same model again starts anew where it was.
  await drop('broken.uf2', task.broken);
  await says('#problem', 'broken.uf2: ');
  await says('#status', 'Uploading model.tgm');
  await drop('again.tgm', task.model);
  await shows('other model');
  await says('#running', 'again.tgm');
  await page.click('#restart');
  await shows('first');
  await drop('other.uf2', task.uf2);
  await shows('other firmware');

  const unnamed = await page.$$eval('button, input, canvas', (elements) =>
    elements
      .filter((element) => !element.getAttribute('aria-label') && !element.labels?.length && !element.textContent.trim())
      .map((element) => element.outerHTML),
  );
  if (unnamed.length > 0) {
    throw new Error(`a screen reader has no name for ${unnamed.join(', ')}`);
  }
  if (troubles.length > 0) {
    throw new Error(`the page complained: ${troubles.join('; ')}`);
  }
}

try {
  await run();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
