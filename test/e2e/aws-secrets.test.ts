import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScript } from '../support/dispatches.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { startSecretsManager } from '../support/secrets-manager.ts';
import { shellProject } from '../support/shell-project.ts';

for (const place of await providerPlaces()) {
  test(`on ${place.name} a secret of AWS Secrets Manager reaches a subagent and no log`, {
    skip: place.skip,
  }, async (t) => {
    const manager = await startSecretsManager(t);
    const arn = manager.add('prod/deploy', { SecretString: '{"token":"opensesame-1"}' });
    const project = await shellProject(t, place.compute);
    Object.assign(project.env, {
      AWS_ENDPOINT_URL_SECRETS_MANAGER: manager.endpoint,
      AWS_ACCESS_KEY_ID: 'key-of-a-test',
      AWS_SECRET_ACCESS_KEY: 'hush',
    });
    const registered = await project.agora(['env', 'register', '--name', 'cloud', '--secret', `TOKEN=${arn}:token`]);
    assert.equal(registered.code, 0, registered.stderr);

    const run = await runScript(project, `echo "it is $TOKEN, \${#TOKEN} long"`, ['--env', 'cloud']).finished;

    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /it is \S+, 12 long/);
    assert.doesNotMatch(run.stderr + run.stdout, /opensesame/);
  });
}

test('a secret that AWS does not have ends a dispatch before it starts, with the next step', async (t) => {
  const manager = await startSecretsManager(t);
  const project = await shellProject(t, 'process');
  Object.assign(project.env, {
    AWS_ENDPOINT_URL_SECRETS_MANAGER: manager.endpoint,
    AWS_ACCESS_KEY_ID: 'key-of-a-test',
    AWS_SECRET_ACCESS_KEY: 'hush',
  });
  const arn = `arn:aws:secretsmanager:${manager.region}:000000000000:secret:gone-abcdef`;

  const run = await runScript(project, 'true', ['--secret', `TOKEN=${arn}`]).finished;

  assert.notEqual(run.code, 0);
  assert.match(run.stderr, /secret-missing: .*TOKEN.*there is no such secret in that account and region/s);
});
