import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { LinkAgent } from './link-agent.ts';
import { sshLinkTo } from './ssh-link.ts';
import { parseSshTarget } from './ssh-target.ts';

test('an agent is written as one word, whatever connections it has', () => {
  const agent = new LinkAgent(sshLinkTo(parseSshTarget('ssh://nowhere')));

  assert.equal(inspect({ agent }, { showHidden: true, depth: null }), '{ agent: LinkAgent }');
});
