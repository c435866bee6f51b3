/**
 * What the sandbox sees of the machine's system. Each mount makes bwrap read the list of all mounts, so there are few: single files of
 * /etc are gathered in a folder that is mounted as a whole, and a link to /usr stays a link.
 */
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readlinkSync, realpathSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bridge_program = fileURLToPath(new URL('./bridge.pl', import.meta.url))
const own_etc = fileURLToPath(new URL('./etc', import.meta.url))

/** Where the sandbox sees bridge.pl. */
export const seen_bridge_program = '/etc/lanekeeper/bridge.pl'

/**
 * What programs need of /etc, and nothing that says anything about this machine: no private key beside the certificates, which
 * the agent of a runner that is root could read. passwd, group and hosts are ours (`etc/`).
 */
const etc_paths = [
  'ssl/certs',
  'ssl/openssl.cnf',
  'pki/tls/certs',
  'pki/ca-trust/extracted',
  'alternatives',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'mime.types',
  'nsswitch.conf',
]
/** Folders of links and of small files. Others are mounted: what they hold is large, or changes. */
const copied_folders = ['alternatives', 'ld.so.conf.d']
const own_files = ['passwd', 'group', 'hosts']

/** Links in it stay links, as they are where it is mounted. */
const copy = (from: string, to: string): void => {
  mkdirSync(dirname(to), { recursive: true })
  try {
    cpSync(realpathSync(from), to, { recursive: true, verbatimSymlinks: true })
  } catch {
    // Whoever may not read it here could not read it in the sandbox either.
  }
}

/** Where /usr has all programs, these are links into it. */
const rootFolder = (path: string): readonly string[] => {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return []
  const target = stat.isSymbolicLink() ? readlinkSync(path) : ''
  return /^\/?usr\/[a-z0-9]+$/.test(target) ? ['--symlink', target, path] : ['--ro-bind', path, path]
}

interface System {
  /** In the place of /etc. */
  readonly etc: string
  readonly options: readonly string[]
}

const gather = (work_dir: string): System => {
  const etc = mkdtempSync(join(work_dir, 'lk-etc-'))
  for (const name of own_files) copy(join(own_etc, name), join(etc, name))
  copy(bridge_program, join(etc, seen_bridge_program.slice('/etc/'.length)))
  const there = etc_paths.filter((path) => existsSync(join('/etc', path)))
  const folders = there.filter((path) => !copied_folders.includes(path) && statSync(join('/etc', path)).isDirectory())
  for (const path of there) {
    if (folders.includes(path)) mkdirSync(join(etc, path), { recursive: true })
    else copy(join('/etc', path), join(etc, path))
  }
  const options = [
    ['--ro-bind', '/usr', '/usr'],
    ...['/nix/store', '/bin', '/sbin', '/lib', '/lib32', '/lib64'].map(rootFolder),
    ['--ro-bind', etc, '/etc'],
    ...folders.map((path) => ['--ro-bind', `/etc/${path}`, `/etc/${path}`]),
    ['--dev', '/dev', '--proc', '/proc'],
  ].flat()
  return { etc, options }
}

const gathered = new Map<string, System>()

/**
 * bwrap's options for it. Gathered once per process and folder, as this machine's files are then; the folder goes with the process.
 * @param work_dir where the runner may make a folder
 */
export const systemMounts = (work_dir: string): readonly string[] => {
  const known = gathered.get(work_dir)
  if (known !== undefined && existsSync(known.etc)) return known.options
  if (gathered.size === 0) process.once('exit', () => gathered.forEach(({ etc }) => rmSync(etc, { recursive: true, force: true })))
  const made = gather(work_dir)
  gathered.set(work_dir, made)
  return made.options
}
