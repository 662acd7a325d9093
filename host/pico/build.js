// Bundles the emulated board and the library that it stands on into one file that needs nothing else: dist/board.js.
// The same bytes come out everywhere, so a test compares them with what is committed.
//
//   npm ci && npm run build            writes dist/
//   node build.js --outdir=FOLDER      writes somewhere else

import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const outdir = process.argv.find((word) => word.startsWith('--outdir='))?.slice('--outdir='.length) ?? 'dist';
const library = 'node_modules/rp2040js';
const { version } = JSON.parse(readFileSync(`${library}/package.json`, 'utf8'));
// Its licence asks for its text in every copy.
const licence = readFileSync(`${library}/LICENSE`, 'utf8').trim();

await build({
  entryPoints: ['src/board.js'],
  outfile: `${outdir}/board.js`,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  charset: 'utf8',
  banner: { js: `/*! Made by host/pico/build.js of host/pico/src and of rp2040js ${version}:\n\n${licence}\n*/` },
});
