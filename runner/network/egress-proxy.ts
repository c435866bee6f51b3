/**
 * The only way out of a sandbox whose policy grants the network: an HTTP proxy on a unix socket (CONNECT, and plain http). It resolves
 * a name first, refuses what is not public (`addresses.ts`), and connects to the very address that it checked, so that a name
 * cannot change its mind in between. The control API, other services of this machine and metadata addresses stay out of reach.
 */
import { lookup } from 'node:dns/promises'
import { createServer, request as sendRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isPublicAddress } from './addresses.ts'

export interface EgressOptions {
  readonly socket_path: string
  /** Every address of a name. */
  readonly resolve?: (host: string) => Promise<readonly string[]>
  readonly open?: (address: string, port: number) => Socket
}
export interface EgressProxy {
  close(): Promise<void>
}

const connections_max = 512
const idle_timeout_ms = 300_000
/** Headers that are between the tool and this proxy. */
const hop_headers = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

const resolveAll = async (host: string): Promise<readonly string[]> => (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address)

type Target = { readonly ok: true; readonly address: string; readonly port: number } | { readonly ok: false; readonly why: string }

const targetOf = async (host: string, port: number, resolve: NonNullable<EgressOptions['resolve']>): Promise<Target> => {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return { ok: false, why: 'no such port' }
  let addresses: readonly string[]
  try {
    addresses = await resolve(host.replace(/^\[|\]$/g, ''))
  } catch {
    return { ok: false, why: 'the name does not resolve' }
  }
  // One private address among several is how a name is turned against its own network: all must be public.
  const [address] = addresses
  if (address === undefined || !addresses.every(isPublicAddress))
    return { ok: false, why: 'the sandbox does not reach private, loopback and link-local addresses' }
  return { ok: true, address, port }
}

/** `host:port` of a CONNECT; the host may be an IPv6 address in brackets. */
const parseAuthority = (authority: string): { readonly host: string; readonly port: number } => {
  const colon = authority.lastIndexOf(':')
  return { host: authority.slice(0, colon), port: Number(authority.slice(colon + 1)) }
}

const refuseTunnel = (client: Duplex, why: string): void => {
  client.end(`HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nlanekeeper: ${why}\n`)
}

const join = (client: Duplex, target: Socket, head: Buffer): void => {
  target.setTimeout(idle_timeout_ms, () => target.destroy())
  target.once('connect', () => {
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    if (head.length > 0) target.write(head)
    target.pipe(client)
    client.pipe(target)
  })
  target.on('error', () => client.destroy())
  target.on('close', () => client.destroy())
  client.on('close', () => target.destroy())
}

const forward = (incoming: IncomingMessage, response: ServerResponse, url: URL, target: Socket): void => {
  const kept = Object.entries(incoming.headers).filter(([name]) => !hop_headers.includes(name))
  const outgoing = sendRequest(
    {
      createConnection: () => target,
      method: incoming.method,
      path: `${url.pathname}${url.search}`,
      headers: { ...Object.fromEntries(kept), host: url.host, connection: 'close' },
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !hop_headers.includes(name))))
      answer.pipe(response)
    },
  )
  outgoing.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
  response.on('close', () => outgoing.destroy())
  incoming.pipe(outgoing)
}

export const startEgressProxy = async ({
  socket_path,
  resolve = resolveAll,
  open = (host, port) => connect({ host, port }),
}: EgressOptions): Promise<EgressProxy> => {
  const tunnels = new Set<Duplex>()
  const server = createServer((incoming, response) => {
    const handle = async (): Promise<void> => {
      const url = URL.canParse(incoming.url ?? '') ? new URL(incoming.url ?? '') : undefined
      const target =
        url?.protocol === 'http:' ? await targetOf(url.hostname, Number(url.port || 80), resolve) : { ok: false as const, why: 'only http and CONNECT' }
      if (url === undefined || !target.ok) {
        response.writeHead(403, { 'content-type': 'text/plain' }).end(`lanekeeper: ${target.ok ? 'no address' : target.why}\n`)
        return
      }
      forward(incoming, response, url, open(target.address, target.port))
    }
    handle().catch(() => response.destroy())
  })
  server.maxConnections = connections_max
  server.on('connect', (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    tunnels.add(client)
    client.on('error', () => client.destroy())
    client.on('close', () => tunnels.delete(client))
    const { host, port } = parseAuthority(incoming.url ?? '')
    targetOf(host, port, resolve).then(
      (target) => (target.ok ? join(client, open(target.address, target.port), head) : refuseTunnel(client, target.why)),
      () => client.destroy(),
    )
  })
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(socket_path, listening)
  })
  return {
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
        for (const tunnel of tunnels) tunnel.destroy()
      }),
  }
}
