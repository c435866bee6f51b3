import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** What a template and its assets are made from, relative to the project. */
const sources = ['infra', 'functions', 'shared', 'runner', 'cdk.json', 'package.json', 'package-lock.json', 'tsconfig.base.json']
const isSource = (path: string) => !/\.test\.ts$|\.md$|(^|\/)(node_modules|\.build)\//.test(path)

const filesBelow = async (root: string, path: string): Promise<string[]> => {
  try {
    const entries = await readdir(join(root, path), { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath, entry.name)))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return [path]
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** 16 hex digits that change when anything changes that the synthesized template could depend on. */
export const sourceHash = async (root: string): Promise<string> => {
  const files = (await Promise.all(sources.map((path) => filesBelow(root, path)))).flat().filter(isSource).toSorted()
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file}\n`).update(await readFile(join(root, file)))
  return hash.digest('hex').slice(0, 16)
}
