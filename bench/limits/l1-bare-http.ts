/** L1: node:http parses the same POST and answers it, and nothing is stored. No server on node:http is faster. */
import { accept, readSigner, serve } from './http.js';

const [answer = ''] = process.argv.slice(2);

serve((request, response) => readSigner(request, () => accept(response, answer)));
