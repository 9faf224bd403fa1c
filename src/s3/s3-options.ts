import type { S3Client } from '@aws-sdk/client-s3';

/** Where a bucket is and how it is asked; what is left out is found as the AWS CLI finds it. */
export interface S3Options {
  readonly bucket: string;
  /** Begins every key, such as `team/agora/`. Default: none. */
  readonly prefix?: string;
  /** URL of a service other than AWS. Default: AWS, or AWS_ENDPOINT_URL_S3. */
  readonly endpoint?: string;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`. Default: true with an `endpoint`. */
  readonly forcePathStyle?: boolean;
  readonly region?: string;
  /** Keys of a service that is not AWS. Default: found as the AWS CLI finds them. */
  readonly credentials?: S3Credentials;
  /** Default: what the bucket does by itself. */
  readonly encryption?: S3Encryption;
  /** Asks for everything instead; `endpoint`, `forcePathStyle`, `region` and `credentials` are then its own affair. */
  readonly client?: S3Client;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Encryption at rest, by the service. */
export type S3Encryption =
  | { readonly algorithm: 'AES256' }
  | { readonly algorithm: 'aws:kms'; readonly kmsKeyId?: string };
