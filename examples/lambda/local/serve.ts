/** The function's process, as Lambda would start it. */
import { handler } from '../handler.ts'
import { serveLambda } from './runtime.ts'

await serveLambda(handler as never)
