/** Why a bundle, record or trust file was refused, with the JSON path of the place ('' for the whole). */
export class Refusal extends Error {
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.name = 'Refusal';
    this.path = path;
  }
}
