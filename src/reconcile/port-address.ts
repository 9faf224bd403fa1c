/** Whether two addresses of the host are in each other's way: IPv4 and IPv6 never are. */
export function addressesMeet(one: string, other: string): boolean {
  if (isIpv6(one) !== isIpv6(other)) return false;
  return one === other || [one, other].some((address) => address === '0.0.0.0' || address === '::');
}

function isIpv6(address: string): boolean {
  return address.includes(':');
}
