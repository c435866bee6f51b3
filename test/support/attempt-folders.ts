import { readdir } from 'node:fs/promises'

/** The folders of attempts in a work folder: beside them the process keeps what it gathered of /etc. */
export const attemptFolders = async (work_dir: string): Promise<readonly string[]> => (await readdir(work_dir)).filter((name) => !name.startsWith('lk-etc-'))
