/** Signs seals. The key is persistent and never leaves the signer. */
export interface Signer {
  /** `sha256:<hex>` of the public key's SPKI DER. */
  keyId(): Promise<string>;
  /** Public key, PEM. */
  publicKeyPem(): Promise<string>;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}
