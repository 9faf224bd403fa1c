import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { endpointObstacle } from '../base/service-endpoint.ts';
import { AppError } from '../contracts/errors.ts';
import { explainAwsError } from './aws-errors.ts';

export interface AwsConnectionOptions {
  /** Asks for everything. Default: a client for each region, which finds its credentials as the AWS CLI does. */
  readonly client?: SecretsManagerClient;
  /** Default: AWS, or AWS_ENDPOINT_URL_SECRETS_MANAGER. */
  readonly endpoint?: string;
  /** Keys of a service that is not AWS. Default: found as the AWS CLI finds them. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

type Ask<T> = (client: SecretsManagerClient, options: { readonly abortSignal: AbortSignal }) => Promise<T>;

const patienceMs = 30_000;
const most = { maxAttempts: 4, connectionTimeoutMs: 5_000, requestTimeoutMs: 5_000 } as const;

/** The AWS SDK, loaded when it is first needed. */
export function sdk() {
  return import('@aws-sdk/client-secrets-manager');
}

/** AWS Secrets Manager in whatever region is asked. */
export class AwsConnection {
  readonly #options: AwsConnectionOptions;
  readonly #clients = new Map<string | undefined, Promise<SecretsManagerClient>>();

  constructor(options: AwsConnectionOptions) {
    const state = options.endpoint === undefined ? undefined : endpointObstacle(options.endpoint);
    if (state !== undefined)
      throw new AppError('invalid-config', `Cannot use the endpoint of AWS Secrets Manager: ${state}`, {
        next: 'Give a URL such as "https://secrets.example.com"; keys go into `credentials` or the environment.',
      });
    this.#options = options;
  }

  /**
   * Asks for `what`, as in "resolve secret x"; undefined is the region that the AWS CLI would use. Raises `not-found`,
   * `refused`, and `unreachable` after 30 s at the latest.
   */
  async ask<T>(what: string, region: string | undefined, ask: Ask<T>): Promise<T> {
    try {
      return await ask(await this.#clientFor(region), { abortSignal: AbortSignal.timeout(patienceMs) });
    } catch (cause) {
      throw explainAwsError(what, cause);
    }
  }

  #clientFor(region: string | undefined): Promise<SecretsManagerClient> | SecretsManagerClient {
    if (this.#options.client !== undefined) return this.#options.client;
    const made = this.#clients.get(region);
    if (made !== undefined) return made;
    const client = this.#newClient(region).catch((error: unknown) => {
      this.#clients.delete(region);
      throw error;
    });
    this.#clients.set(region, client);
    return client;
  }

  async #newClient(region: string | undefined): Promise<SecretsManagerClient> {
    const { SecretsManagerClient } = await sdk();
    const { endpoint, credentials } = this.#options;
    return new SecretsManagerClient({
      maxAttempts: most.maxAttempts,
      requestHandler: {
        connectionTimeout: most.connectionTimeoutMs,
        requestTimeout: most.requestTimeoutMs,
        // Else it is only written to the log, and the try goes on.
        throwOnRequestTimeout: true,
      },
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    });
  }
}
