/** Which sandbox this machine can give, found by really trying each: what is installed may still be forbidden. */
import { execFile } from 'node:child_process'
import { unsharePrefix } from './unshare.ts'

export type SandboxTier = 'bubblewrap' | 'unshare' | 'none'

export interface SandboxProbe {
  readonly tier: SandboxTier
  /** `network_enabled: false` can be enforced. */
  readonly network: boolean
  /** `workspace_access` other than `rw`, and that no file outside the workspace is seen, can be enforced. */
  readonly files: boolean
  /** One sentence for whoever started the program. */
  readonly message: string
  /** What to do to get the full sandbox; empty where there is nothing to do. */
  readonly hint: string
}

type Tried = { readonly ok: true } | { readonly ok: false; readonly why: string }

const probe_timeout_ms = 5_000

const tryCommand = (command: string, args: readonly string[]): Promise<Tried> =>
  new Promise((resolve) => {
    execFile(command, args, { timeout: probe_timeout_ms }, (error, _stdout, stderr) => {
      if (error === null) resolve({ ok: true })
      else if (error.code === 'ENOENT') resolve({ ok: false, why: 'not installed' })
      else resolve({ ok: false, why: stderr.trim().split('\n').at(-1) || error.message })
    })
  })

const bubblewrap_trial = [
  '--unshare-all',
  '--die-with-parent',
  '--new-session',
  '--ro-bind',
  '/',
  '/',
  '--dev',
  '/dev',
  '--proc',
  '/proc',
  '--tmpfs',
  '/tmp',
  'true',
]

const hintFor = (why: string): string => {
  if (process.platform !== 'linux') return 'The sandbox needs Linux: run Lanekeeper in a Linux virtual machine or container.'
  if (why === 'not installed') return 'Install bubblewrap: apt install bubblewrap, or dnf install bubblewrap.'
  if (/namespace|not permitted|uid map|denied/i.test(why)) {
    return 'User namespaces are blocked here: allow them (sysctl user.max_user_namespaces, or kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu), or start the surrounding container without its seccomp profile.'
  }
  return `bubblewrap does not work here: ${why}.`
}

/** The best tier that works: bubblewrap, else unshare, else none. Starts up to three short processes. */
export const probeSandbox = async (): Promise<SandboxProbe> => {
  const [bubblewrap, perl] = await Promise.all([tryCommand('bwrap', bubblewrap_trial), tryCommand('perl', ['-e', '1'])])
  const bridge_hint = perl.ok ? '' : 'Install perl: without it, tools in the sandbox have no network at all.'
  if (bubblewrap.ok) {
    const message = `sandbox: bubblewrap (own network, processes and files${perl.ok ? '' : '; perl is missing, so that tools never have a network'})`
    return { tier: 'bubblewrap', network: true, files: true, message, hint: bridge_hint }
  }
  const hint = [hintFor(bubblewrap.why), bridge_hint].filter((part) => part !== '').join(' ')
  const [unshare, ...unshare_args] = unsharePrefix()
  const unshared: Tried = unshare === undefined ? { ok: false, why: 'not installed' } : await tryCommand(unshare, [...unshare_args, 'true'])
  if (unshared.ok) {
    return {
      tier: 'unshare',
      network: true,
      files: false,
      message: `sandbox: DEGRADED to unshare: network and processes are confined, files are NOT (bubblewrap: ${bubblewrap.why})`,
      hint,
    }
  }
  return {
    tier: 'none',
    network: false,
    files: false,
    message: `sandbox: NONE on this machine (bubblewrap: ${bubblewrap.why}; unshare: ${unshared.why})`,
    hint,
  }
}
