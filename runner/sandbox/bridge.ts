/** Listeners on the loopback of a sandbox that hand each connection to a unix socket. */
import { createServer, connect, type Server } from 'node:net'
import type { Bridge, SandboxCommand } from './sandbox.ts'

/** The command line that first opens the bridges of a command, if it has any. @param program where the sandbox sees bridge.pl */
export const throughBridges = (command: SandboxCommand, program: string): readonly string[] =>
  command.bridges.length === 0 ? command.argv : ['perl', program, ...command.bridges.map(({ port, socket }) => `${port}=${socket}`), '--', ...command.argv]

/** The same within this process, for the shim of the agent's container. */
export const listenBridge = ({ port, socket }: Bridge): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const target = connect({ path: socket, allowHalfOpen: true })
      client.on('error', () => target.destroy())
      target.on('error', () => client.destroy())
      client.pipe(target)
      target.pipe(client)
    })
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
