#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// A folder of the user's own: the default lies in /tmp, where others could plant code.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'agora', 'compiled'));

// Loaded only now, so that the cache serves it too.
const { main } = await import('./main.ts');
process.exit(await main(process.argv.slice(2)));
