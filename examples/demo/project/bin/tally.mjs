#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { main } from '../src/cli.mjs';

const { status, out, err } = await main(process.argv.slice(2), (file) => readFileSync(file, 'utf8'));
process.stdout.write(out);
process.stderr.write(err);
process.exitCode = status;
