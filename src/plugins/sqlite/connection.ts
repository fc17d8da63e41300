/** One connection to a database: statements prepared once, errors as ours. */
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import { journalError } from './errors.ts'

/** Milliseconds that a statement waits for another process. Writers hold the lock for one commit. */
export const BUSY_TIMEOUT = 5_000

export type Value = SQLInputValue

export class Connection {
  readonly path: string
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(path: string) {
    this.path = path
    this.#db = this.#guard(() => new DatabaseSync(path))
    this.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`)
  }

  /** Gives the number of rows that changed. */
  run(sql: string, ...values: Value[]): number {
    return this.#guard(() => Number(this.#prepare(sql).run(...values).changes))
  }

  /** Gives the id of the row that was inserted. */
  insert(sql: string, ...values: Value[]): number {
    return this.#guard(() => Number(this.#prepare(sql).run(...values).lastInsertRowid))
  }

  get<Row>(sql: string, ...values: Value[]): Row | undefined {
    return this.#guard(() => this.#prepare(sql).get(...values) as Row | undefined)
  }

  all<Row>(sql: string, ...values: Value[]): Row[] {
    return this.#guard(() => this.#prepare(sql).all(...values) as Row[])
  }

  exec(sql: string): void {
    this.#guard(() => this.#db.exec(sql))
  }

  /** All of it, or nothing. It takes the write lock at once, so that what it reads stays true. */
  transaction<T>(body: () => T): T {
    this.run('BEGIN IMMEDIATE')
    try {
      const result = body()
      this.run('COMMIT')
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  /** Done, and rolled back. */
  undone(body: () => void): void {
    this.run('BEGIN IMMEDIATE')
    try {
      body()
    } finally {
      this.#rollBack()
    }
  }

  #rollBack(): void {
    try {
      this.run('ROLLBACK')
    } catch {
      // SQLite rolls back by itself where the disk is full.
    }
  }

  close(): void {
    this.#statements.clear()
    this.#db.close()
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #guard<T>(body: () => T): T {
    try {
      return body()
    } catch (error) {
      throw journalError(error, this.path)
    }
  }
}
