// The page around the emulated board: draws its display, passes on buttons, lines and files, and says what it sees.

const $ = (id) => document.getElementById(id);
const worker = new Worker('worker.js', { type: 'module' });
const canvas = $('display');
const context = canvas.getContext('2d');
/** Words for the screens that the firmware's `status` line names. */
const MODES = { selftest: 'Self-test', digit: 'Digit', grid: 'Grid', walk: 'Walk', number: 'Number' };
const KEYS = { ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right', ' ': 'select' };
/** What the board was started from last, to start it again, and what it shall be started from. */
let firmware = null;
let candidate = null;
let loading = '';

function say(text) {
  $('status').textContent = text;
}

function complain(text) {
  $('problem').textContent = text;
  $('problem').hidden = !text;
}

const handlers = {
  picture({ width, height, rgb }) {
    if (canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width, height];
    }
    const image = context.createImageData(width, height);
    for (let from = 0, to = 0; from < rgb.length; to++) {
      image.data[to++] = rgb[from++];
      image.data[to++] = rgb[from++];
      image.data[to++] = rgb[from++];
      image.data[to] = 255;
    }
    context.putImageData(image, 0, 0);
  },
  line(text) {
    const [word, ...rest] = text.split(' ');
    if (word === 'status') {
      describe(rest);
    } else if (word === 'stats') {
      // Microseconds of the chip's timer.
      const ticks = Number(rest.find((field) => field.startsWith('ticks='))?.slice(6));
      if (ticks > 0) {
        $('picture-cycles').textContent = `${(ticks * 125).toLocaleString('en')} cycles`;
        $('picture-time').textContent = `${(ticks / 1e3).toFixed(1)} ms`;
      }
    } else if (word === 'error') {
      complain(rest.join(' '));
    }
  },
  speed(speed, { cycles }) {
    $('speed').textContent = `${Math.round(100 * Math.min(speed, 1))} %`;
    $('cycles').textContent = `${(cycles / 1e6).toFixed(1)} million`;
  },
  progress(progress, { done }) {
    $('progress').hidden = done;
    $('progress').value = progress;
    say(done ? `${loading} is on the board and starts.` : `Uploading ${loading} to the board.`);
  },
  started() {
    firmware = candidate;
    complain('');
    $('progress').hidden = true;
    say(`${loading} starts.`);
  },
  error(text) {
    $('progress').hidden = true;
    complain(`${loading}: ${text}`);
  },
  reset(cause) {
    say(`The board was reset (${cause}).`);
  },
};

worker.addEventListener('message', ({ data }) => {
  for (const [kind, content] of Object.entries(data)) {
    handlers[kind]?.(content, data);
  }
});
worker.addEventListener('error', (event) => complain(`The emulator has stopped: ${event.message}`));

/** The screen in words, for those who cannot see it. */
function describe([mode, ...fields]) {
  const values = Object.fromEntries(fields.map((field) => field.split('=')));
  const details = {
    selftest: () => (values.failed === '-' ? `passed, ${values.goldens} pictures are equal` : `FAILED at ${values.failed}`),
    digit: () => `${values.label === '-' ? '' : `${values.label}, `}seed ${values.seed}`,
    grid: () => `of eight, from seed ${values.seed}${values.label === '-' ? '' : `, label ${values.label}`}`,
    walk: () => `from ${values.from.replace(':', ' as ')} to ${values.to.replace(':', ' as ')}${values.paused === '1' ? ', paused' : ''}`,
    number: () => `${values.digits}, digit ${Number(values.cursor) + 1} is selected`,
  };
  const text = `${MODES[mode] ?? mode} ${details[mode]?.() ?? ''}`.trim();
  canvas.setAttribute('aria-label', `The display: ${text}`);
  if ($('progress').hidden) {
    say(text);
  }
}

/** A button down, and up again wherever the finger is let go. */
for (const key of document.querySelectorAll('.key')) {
  const set = (down) => {
    if (key.classList.contains('held') !== down) {
      key.classList.toggle('held', down);
      worker.postMessage({ do: 'button', name: key.dataset.button, down });
    }
  };
  key.addEventListener('pointerdown', (event) => {
    key.setPointerCapture(event.pointerId);
    set(true);
  });
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) {
    key.addEventListener(end, () => set(false));
  }
  key.addEventListener('contextmenu', (event) => event.preventDefault());
  key.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.repeat) {
      set(true);
    }
  });
  key.addEventListener('keyup', (event) => event.key === 'Enter' && set(false));
  key.addEventListener('blur', () => set(false));
  key.press = set;
}

function keyOf(event) {
  const typing = event.target.matches('input, textarea') && event.target.type !== 'checkbox';
  // Space on another button or a box is that one's own.
  const taken = event.key === ' ' && event.target.matches('button:not(.key), input');
  const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
  const name = plain && !typing && !taken ? KEYS[event.key] : undefined;
  return name && document.querySelector(`.key[data-button="${name}"]`);
}

document.addEventListener('keydown', (event) => {
  const key = keyOf(event);
  if (key) {
    event.preventDefault();
    if (!event.repeat) {
      key.press(true);
    }
  }
});
document.addEventListener('keyup', (event) => keyOf(event)?.press(false));

$('number-form').addEventListener('submit', (event) => {
  event.preventDefault();
  complain('');
  worker.postMessage({ do: 'line', text: $('number').value });
});
$('xip').addEventListener('change', () => worker.postMessage({ do: 'xip', on: $('xip').checked }));
$('restart').addEventListener('click', () => firmware && start(firmware.name, firmware.bytes));

function start(name, bytes) {
  candidate = { name, bytes };
  loading = name;
  worker.postMessage({ do: 'start', uf2: bytes });
}

/** Runs a UF2 file, or uploads a model image. */
async function open(file) {
  complain('');
  try {
    const bytes = await file.arrayBuffer();
    loading = file.name;
    if (file.name.toLowerCase().endsWith('.uf2')) {
      start(file.name, bytes);
    } else if (file.name.toLowerCase().endsWith('.tgm')) {
      worker.postMessage({ do: 'model', bytes });
    } else {
      complain(`${file.name}: expected a model folder, a model.tgm or a .uf2 file`);
    }
  } catch (error) {
    complain(`${file.name} cannot be read: ${error.message}`);
  }
}

$('file').addEventListener('change', () => {
  const [file] = $('file').files;
  if (file) {
    open(file);
    $('file').value = '';
  }
});

const area = $('drop-area');
for (const kind of ['dragenter', 'dragover']) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    area.classList.add('over');
  });
}
document.addEventListener('dragleave', (event) => event.relatedTarget ?? area.classList.remove('over'));
document.addEventListener('drop', async (event) => {
  event.preventDefault();
  area.classList.remove('over');
  const [item] = event.dataTransfer.items;
  const entry = item?.webkitGetAsEntry?.();
  const [dropped] = event.dataTransfer.files;
  if (entry?.isDirectory) {
    const file = await modelIn(entry);
    if (file) {
      open(file);
    } else {
      complain(`${entry.name}: no model.tgm in this folder`);
    }
  } else if (dropped) {
    open(dropped);
  }
});

/** The model image of a dropped folder. */
function modelIn(folder) {
  return new Promise((resolve) => {
    folder.getFile(
      'model.tgm',
      {},
      (entry) => entry.file(resolve, () => resolve(null)),
      () => resolve(null),
    );
  });
}

try {
  const answer = await fetch('firmware.uf2');
  if (!answer.ok) {
    throw new Error(`the server answered ${answer.status}`);
  }
  start('The firmware', await answer.arrayBuffer());
} catch (error) {
  say('No firmware yet.');
  complain(`firmware.uf2 cannot be loaded (${error.message}); choose a .uf2 file.`);
}
