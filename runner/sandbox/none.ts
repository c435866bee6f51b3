/** No sandbox at all: the agent is an ordinary process of the runner's user. Only where somebody said so with ALLOW_UNSANDBOXED=1. */
import { hostPaths, startOnHost } from './host-process.ts'
import type { Sandbox, SandboxInput } from './sandbox.ts'

export const openNone = (input: SandboxInput): Sandbox => ({
  tier: 'none',
  paths: hostPaths(input),
  network: 'direct',
  start: (command) => startOnHost(command.argv, command.env, command.cwd),
})
