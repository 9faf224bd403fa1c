/** Why a text cannot be the URL of a service; undefined when it can. Quotes nothing of it: it may hold a password. */
export function endpointObstacle(endpoint: string): string | undefined {
  const url = URL.parse(endpoint);
  if (url === null || !/^https?:$/.test(url.protocol)) return 'it is not http://… or https://…';
  if (url.username !== '' || url.password !== '') return 'it comes with a user or password';
  if (url.search !== '' || url.hash !== '') return 'it has more than a host, a port and a path';
  return undefined;
}
