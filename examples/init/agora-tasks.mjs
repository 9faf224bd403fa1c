// The work of the plan that `agora init` wrote: look at a repository, write down what is there, check it. Run in a
// worker, in a copy of the repository, as `node agora-tasks.mjs <task>`; the input of the item is in $AGORA_INPUT.
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, posix } from 'node:path';

const largestText = 1024 * 1024;
const mostPlaces = 2_000;

const input = JSON.parse(readFileSync(process.env.AGORA_INPUT, 'utf8'));
const tasks = { inventory: writeInventory, 'open-tasks': writeOpenTasks, check: checkBoth };
const task = tasks[process.argv[2]];
if (task === undefined) fail(`Cannot run task "${process.argv[2]}": there are ${Object.keys(tasks).join(', ')}`);
task(input);

function writeInventory({ file, written, title, languages }) {
  const files = listFiles(written);
  const rows = countsOf(files, languages).map(
    (row) => `| ${row.folder} | ${row.language} | ${row.files} | ${row.lines} |`,
  );
  const parts = projectsOf(files).map(({ path, commands }) => {
    const shown = commands.map((command) => `\`${command}\``).join(', ');
    return `- ${code(path)}${shown === '' ? '' : `: ${shown}`}`;
  });
  write(file, [
    `# What is in ${title}`,
    '',
    `${files.length} files. Lines are counted in text files of at most 1 MiB.`,
    '',
    '| folder | language | files | lines |',
    '|---|---|---|---|',
    ...rows,
    ...(parts.length === 0 ? [] : ['', '## How its parts are built and tested', '', ...parts]),
  ]);
}

function writeOpenTasks({ file, written, title, words }) {
  const places = placesOf(listFiles(written), words);
  const shown = places.slice(0, mostPlaces).map(({ path, line, text }) => `- ${code(`${path}:${line}`)} ${code(text)}`);
  write(file, [
    `# What is marked as open in ${title}`,
    '',
    `Lines that hold ${words.join(', ')}: ${places.length}.`,
    ...(places.length > shown.length ? [`The first ${shown.length} are listed.`] : []),
    '',
    ...shown,
  ]);
}

/** Runs where both files are there, and does their work once more without them. */
function checkBoth({ inventory, openTasks }) {
  const [inventoryText, openTasksText] = [inventory, openTasks].map((made) => {
    const found = readText(made.file);
    return found === undefined ? fail(`Cannot check "${made.file}": it is not there`) : found;
  });
  const files = listFiles(inventory.written);
  for (const row of countsOf(files, inventory.languages)) {
    const expected = `| ${row.folder} | ${row.language} | ${row.files} | ${row.lines} |`;
    if (!inventoryText.includes(`${expected}\n`)) fail(`Cannot accept "${inventory.file}": it lacks ${expected}`);
  }
  const places = placesOf(files, openTasks.words);
  const total = `Lines that hold ${openTasks.words.join(', ')}: ${places.length}.`;
  if (!openTasksText.includes(`\n${total}\n`)) fail(`Cannot accept "${openTasks.file}": it lacks "${total}"`);
  console.log(
    `${inventory.file} and ${openTasks.file} say what is there: ${files.length} files, ${places.length} places`,
  );
}

/** Everything but what this plan writes itself: an earlier run may have left it. */
function listFiles(written) {
  return filesBelow('').filter(({ path }) => !written.includes(path));
}

/** Files below a folder in a fixed order, without links; each with its size. */
function filesBelow(folder) {
  const entries = readdirSync(folder === '' ? '.' : folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.name !== '.git' && entry.name !== '.agora')
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return entry.isFile() ? [{ path, sizeBytes: lstatSync(path).size }] : [];
    });
}

/** Files and lines of each language, by the folder at the top. */
function countsOf(files, languages) {
  const rows = new Map();
  for (const { path, sizeBytes } of files) {
    const folder = path.includes('/') ? code(`${path.split('/')[0]}/`) : '.';
    const language = languages[extname(path).toLowerCase()] ?? 'other';
    const key = `${folder} ${language}`;
    const row = rows.get(key) ?? { folder, language, files: 0, lines: 0 };
    rows.set(key, { ...row, files: row.files + 1, lines: row.lines + linesOf(path, sizeBytes).length });
  }
  return [...rows.values()];
}

function placesOf(files, words) {
  const marked = new RegExp(`\\b(?:${words.join('|')})\\b`);
  return files
    .filter(({ path }) => path !== 'agora-tasks.mjs' && path !== 'plan.json')
    .flatMap(({ path, sizeBytes }) =>
      linesOf(path, sizeBytes).flatMap((text, index) =>
        marked.test(text) ? [{ path, line: index + 1, text: text.trim().slice(0, 160) }] : [],
      ),
    );
}

/** What says how a part of the repository is built and tested. */
function projectsOf(files) {
  const readers = {
    'package.json': (text) => Object.keys(JSON.parse(text).scripts ?? {}).map((name) => `npm run ${name}`),
    Makefile: (text) => [...text.matchAll(/^([a-z][\w-]*):(?!=)/gm)].map((match) => `make ${match[1]}`),
    'go.mod': () => ['go build ./...', 'go test ./...'],
    'Cargo.toml': () => ['cargo build', 'cargo test'],
    'pyproject.toml': () => [],
  };
  return files.flatMap(({ path, sizeBytes }) => {
    const read = readers[posix.basename(path)];
    if (read === undefined || sizeBytes > largestText) return [];
    return [{ path, commands: commandsOf(read, path).slice(0, 20) }];
  });
}

function commandsOf(read, path) {
  try {
    return read(readFileSync(path, 'utf8')).filter((command) => !/[`\n]/.test(command));
  } catch {
    // A file by that name that holds something else is listed without commands.
    return [];
  }
}

/** The lines of a text file; none of a binary or a very large one. */
function linesOf(path, sizeBytes) {
  if (sizeBytes === 0 || sizeBytes > largestText) return [];
  const text = readText(path);
  if (text === undefined || text.includes('\0')) return [];
  return text.replace(/\n$/, '').split('\n');
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EACCES') return undefined;
    throw error;
  }
}

/** As code in Markdown, also in a cell of a table. */
function code(text) {
  const plain = text.replace(/[\r\n]/g, ' ').replaceAll('|', '\\|');
  return plain.includes('`') ? `\`\` ${plain} \`\`` : `\`${plain}\``;
}

function write(file, lines) {
  mkdirSync(dirname(join('.', file)), { recursive: true });
  writeFileSync(file, `${lines.join('\n')}\n`);
  console.log(`wrote ${file}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
