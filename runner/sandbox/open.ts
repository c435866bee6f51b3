/** The sandbox of an attempt: the one that was asked for, or the best that works here, if it can enforce the run's policy. */
import { join } from 'node:path'
import type { Policy } from '../../shared/domain/policy.ts'
import type { Failure } from '../../shared/domain/run.ts'
import type { RunnerSettings, SandboxChoice } from '../settings.ts'
import { openBubblewrap } from './bubblewrap.ts'
import { shim_socket_name } from './frames.ts'
import { openNone } from './none.ts'
import { probeSandbox, type SandboxProbe } from './probe.ts'
import { openRemote } from './remote.ts'
import type { HostFolders, Sandbox } from './sandbox.ts'
import { openUnshare } from './unshare.ts'

export interface OpenInput {
  readonly settings: RunnerSettings
  readonly policy: Policy
  readonly folders: HostFolders
  readonly agent_binary: string | undefined
  /** PATH of the runner, for finding the sandbox's own program. */
  readonly search_path: string | undefined
}
export type Opened = { readonly ok: true; readonly sandbox: Sandbox } | { readonly ok: false; readonly error: Failure }

/** What each tier enforces. A container is confined by its task definition and security group, which the plane chose by the policy. */
const enforces: Readonly<Record<SandboxChoice, { readonly network: boolean; readonly files: boolean }>> = {
  bubblewrap: { network: true, files: true },
  container: { network: true, files: true },
  unshare: { network: true, files: false },
  none: { network: false, files: false },
}

/** Which fields of a policy a tier cannot enforce. */
export const unenforceable = (policy: Policy, tier: SandboxChoice): readonly string[] => [
  ...(policy.network_enabled || enforces[tier].network ? [] : ['network_enabled: false']),
  ...(policy.workspace_access === 'rw' || enforces[tier].files ? [] : [`workspace_access: ${policy.workspace_access}`]),
]

const unavailable = (message: string): Opened => ({ ok: false, error: { code: 'sandbox_unavailable', message, retryable: false } })

const openTier = (tier: SandboxChoice, { settings, policy, folders, agent_binary, search_path }: OpenInput): Sandbox => {
  const input = { folders, agent_binary, workspace_access: policy.workspace_access }
  switch (tier) {
    case 'bubblewrap':
      return openBubblewrap({ ...input, work_dir: settings.work_dir, search_path })
    case 'unshare':
      return openUnshare(input)
    case 'none':
      return openNone(input)
    case 'container':
      return openRemote(join(settings.sockets_dir, shim_socket_name), { ...folders, tmp: '/tmp', agent_binary })
  }
}

/** What the machine can give does not change while the process lives, and finding out starts processes. */
let probed: Promise<SandboxProbe> | undefined

export const openSandbox = async (input: OpenInput): Promise<Opened> => {
  if (input.settings.sandbox === undefined) probed ??= probeSandbox()
  const probe = input.settings.sandbox === undefined ? await probed : undefined
  const tier = input.settings.sandbox ?? probe?.tier ?? 'none'
  const why = probe === undefined ? '' : ` ${probe.message}. ${probe.hint}`
  if (tier === 'none' && !input.settings.allow_unsandboxed) return unavailable(`no sandbox, and ALLOW_UNSANDBOXED is not 1.${why}`)
  const missing = unenforceable(input.policy, tier)
  if (missing.length > 0) return unavailable(`the sandbox here (${tier}) cannot enforce ${missing.join(' and ')}.${why}`)
  return { ok: true, sandbox: openTier(tier, input) }
}
