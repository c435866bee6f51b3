/** Which addresses tools in a sandbox must not reach: this machine, its neighbours, and the metadata services of clouds. */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

/** IANA's special-purpose registries (RFC 6890 and its updates): everything that is not a global unicast address. */
const special_v4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
/** Only 2000::/3 is global unicast; within it, what carries an IPv4 address or is set aside. */
const special_v6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const blocked = new BlockList()
for (const [net, prefix] of special_v4) blocked.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of special_v6) blocked.addSubnet(net, prefix, 'ipv6')

const global_v6 = new BlockList()
global_v6.addSubnet('2000::', 3, 'ipv6')

/** Public addresses of this very machine: behind them are its own services. */
const isOwn = (address: string): boolean =>
  Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address.toLowerCase() === address.toLowerCase()) ?? false)

/** Whether tools may connect to an IP address. What is no IP address they may not. */
export const isPublicAddress = (address: string): boolean => {
  if (isOwn(address)) return false
  if (isIPv4(address)) return !blocked.check(address, 'ipv4')
  return isIPv6(address) && global_v6.check(address, 'ipv6') && !blocked.check(address, 'ipv6')
}
